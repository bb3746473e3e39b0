import pytest, sqlalchemy as sa
from structlog.testing import capture_logs
from tests.saga import invariants
from tests.saga.play import Play
import chassis.inbox, chassis.relay, chassis.idempotency, chassis.consumer, chassis.outbox
from dataclasses import replace
def m1(mp):
    mp.setattr(chassis.inbox,"claim",lambda c,h,e:list(e))
def m2(mp):
    mp.setattr(chassis.relay,"_acknowledged_prefixes",lambda rows,acked:[r.id for r in rows])
def m4(mp):
    import order_svc.domain.order as o
    orig=o.learn
    def learn(order,fact,now):
        return orig(replace(order,cancel_reason="") if order.cancel_reason and order.known.paid else order,fact,now)
    import order_svc.reactions as r
    mp.setattr(r,"learn",learn)
def m5(mp):
    from billing_svc.domain.payment import Attempt, Call
    orig=Attempt.next_call
    mp.setattr(Attempt,"next_call",lambda self,*,wants_money: orig(self,wants_money=True))
def m6(mp):
    import inventory_svc.reactions as r
    from chassis.world import Decision
    orig=r.order_cancelled
    def oc(w,f,c):
        d=orig(w,f,c)
        k=r._known(w,f.order_id)
        return d if k.lines else Decision(changed=(k,),events=d.events)
    from atlas.orders.v1 import order_events_pb2 as e
    mp.setitem(r.SUBSCRIPTIONS,e.OrderCancelled,replace(r.SUBSCRIPTIONS[e.OrderCancelled],react=oc))
def m7(mp):
    orig=chassis.idempotency.claim
    def claim(c,reqs):
        r=orig(c,reqs); return {}
    mp.setattr(chassis.idempotency,"claim",claim)
def m8(mp):
    import workflow_svc.domain.order as o
    import workflow_svc.reactions as r
    from workflow_svc.domain.order import Learned
    mp.setattr(r,"learn_cancelled",lambda order,approval,c: Learned(replace(order,cancelled=True),approval))
def m9(mp):
    import chassis.consumer as c
    orig=c.Consumer._handle
    def h(self,records):
        self._subscription.commit(); orig(self,records)
    mp.setattr(c.Consumer,"_handle",h)
def m10(mp):
    import billing_svc.domain.collecting as c
    from chassis.money import Money
    mp.setattr(c,"_applied",lambda inv,rec: Money(rec.currency_code,min(rec.minor_units,inv.outstanding.minor_units)))
def m11(mp):
    from billing_svc.domain.order_account import OrderAccount
    mp.setattr(OrderAccount,"has_open_attempt",property(lambda self: False))
def m12(mp):
    import inventory_svc.domain.backorder as b, inventory_svc.reactions as r
    mp.setattr(b,"walk",lambda stock,orders: b.Walk(dict(stock),()))
def m13(mp):
    from order_svc.domain.order import Order
    import order_svc.domain.order as o
    orig=o.cancel
    import order_svc.commands as c
    # keep confirm after cancel
    from billing_svc.domain import invoicing
    mp.setattr(invoicing,"place",lambda a,f: replace(a,terms=f.terms,placed_by=f.placed_by,is_cancelled=False))
@pytest.mark.parametrize("m",[m1,m2,m4,m5,m6,m7,m8,m9,m10,m11,m12,m13])
def test_m(databases,m,monkeypatch):
    m(monkeypatch)
    for seed in range(0,25):
        databases.spoil() if seed==0 else None
        with capture_logs():
            p=Play(databases.take(), seed)
            try:
                p.run(); found=invariants.violations(p.services,p.customers)
            except BaseException as e: found=[repr(e)[:200]]
            p.services.close()
        if found:
            print("\nMUT",m.__name__,"seed",seed,len(found),str(found[0])[:200]); databases.spoil(); return
    print("\nMUT",m.__name__,"NOT FOUND"); databases.spoil()
