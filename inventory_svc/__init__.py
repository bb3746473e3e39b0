"""inventory_svc owns items, stock and its cost, what is held for orders, and the queue of orders that wait.

Publishes atlas.inventory.v1; reads atlas.orders.v1.
"""
