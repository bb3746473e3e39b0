import pytest, sqlalchemy as sa
from structlog.testing import capture_logs
from tests.saga import invariants
from tests.saga.play import Play
from dataclasses import replace
def m5(mp):
    from billing_svc.domain.payment import Attempt
    orig=Attempt.next_call
    mp.setattr(Attempt,"next_call",lambda self,*,wants_money: orig(self,wants_money=True))
def m10(mp):
    import billing_svc.domain.collecting as c
    from chassis.money import Money
    mp.setattr(c,"_applied",lambda inv,rec: Money(rec.currency_code,min(rec.minor_units,inv.outstanding.minor_units)))
def m12(mp):
    import inventory_svc.domain.backorder as b
    mp.setattr(b,"walk",lambda stock,orders: b.Walk(dict(stock),()))
def m14(mp):
    import billing_svc.domain.invoicing as i
    orig=i.issue
    mp.setattr("billing_svc.domain.order_account.OrderAccount.may_be_invoiced",property(lambda a: a.terms is not None and a.is_reserved and a.invoice is None))
@pytest.mark.parametrize("m",[m5,m10,m12,m14])
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
            print("\nMUT",m.__name__,"seed",seed,len(found),str(found[0])[:300]); databases.spoil(); return
    print("\nMUT",m.__name__,"NOT FOUND"); databases.spoil()
