-- one order a transaction, pipelined: what order_svc writes for a batch of one; its outbox rows are marked as published, so that no relay sends them
\set k random(1, 9000000000000000)
\startpipeline
BEGIN;
INSERT INTO idempotency (principal, method, key, request_hash) VALUES ('bench|buyer', 'PlaceOrder', :k::text, decode(repeat('ab', 32), 'hex')) ON CONFLICT (principal, method, key) DO UPDATE SET response = NULL WHERE idempotency.expire_time < now() RETURNING key;
INSERT INTO orders SELECT i.id, 'cust-1001', NULL, 'PLACED', NULL, 'EUR', 'pm_ok', 'http://127.0.0.1/realms/atlas-erp', 'bench', 'buyer', now(), now(), now(), '[{"sku": "LAMP-01", "net": 5997, "tax": 1199, "quantity": 3, "unit_price": 1999, "line_number": 1, "quantity_shipped": 0, "quantity_cancelled": 0, "discount_basis_points": 0, "tax_rate_basis_points": 2000}]'::jsonb, '{"stock": "AWAITED", "approval": "AWAITED"}'::jsonb, '', false, 1, 1, 2, now(), now() FROM (SELECT gen_random_uuid() AS id) i;
INSERT INTO outbox (event_id, event_type, topic, stream_key, stream_sequence, headers, value, occur_time, publish_time) SELECT gen_random_uuid(), t.type, 'atlas.orders.v1', gen_random_uuid()::text, t.n, '{"ce_id": "019b76da-a800-7300-ae31-205e303e4eeb", "ce_time": "2026-01-01T00:00:00.000Z", "ce_type": "OrderPlaced", "ce_source": "order-svc", "ce_subject": "019b76da-a800-7300-ae31-205d38122d90", "traceparent": "00-11111111111111111111111111111111-2222222222222222-01", "content-type": "application/protobuf", "ce_dataschema": "atlas.orders.v1.OrderEvent", "ce_specversion": "1.0"}'::jsonb, decode('ab' || repeat('ab', 479), 'hex'), now(), now() FROM (VALUES ('OrderPlaced', 1), ('OrderStateChanged', 2)) AS t(type, n);
UPDATE idempotency SET response = decode(repeat('ab', 420), 'hex') WHERE principal = 'bench|buyer' AND method = 'PlaceOrder' AND key = :k::text;
INSERT INTO audit_log (actor, client, method, resource, correlation_id, traceparent, time) VALUES ('bench|buyer', 'atlas-cli', 'PlaceOrder', '', '019b76da-a800-7300-ae31-205e303e4eeb', '00-11111111111111111111111111111111-2222222222222222-01', now());
COMMIT;
\endpipeline
