"""Approvals: which orders people have to approve, who may, and what they decided.

Owns approval policies, approval requests and the decisions on them. Publishes atlas.workflow.v1; reads atlas.orders.v1
and atlas.billing.v1.
"""
