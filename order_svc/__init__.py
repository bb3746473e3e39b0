"""order_svc owns the life of an order: its prices, its state derived from facts, and the saga's deadlines.

Publishes atlas.orders.v1; reads atlas.inventory.v1, atlas.billing.v1 and atlas.workflow.v1.
"""
