"""Read models over the events of all services: timelines of orders, and a list of orders with their state.

Owns nothing that cannot be built again from the events. Publishes nothing; reads atlas.orders.v1, atlas.inventory.v1,
atlas.billing.v1 and atlas.workflow.v1.
"""
