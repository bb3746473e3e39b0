"""Billing: owns invoices, payments, refunds, credit notes and the ledger, and every race about money.

Publishes atlas.billing.v1; reads atlas.orders.v1 and atlas.inventory.v1. The only service that talks to the payment provider.
"""
