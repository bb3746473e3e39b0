-- One event of the saga in a transaction of its own, as a consumer handles it that takes one event at a time. Keys grow with time, as ours do.
\set i :i + 1
\set k :start + :i * 16 + :client_id
\set n random(1, 1000)
BEGIN;
INSERT INTO inbox (handler, event_id) VALUES ('order-svc', lpad(:k::text, 32, '0')::uuid) ON CONFLICT DO NOTHING RETURNING event_id;
SELECT sequence FROM stream_position WHERE handler = 'order-svc' AND stream_key = :n::text;
INSERT INTO stream_position (handler, topic, stream_key, sequence) VALUES ('order-svc', 'atlas.inventory.v1', :n::text, 1) ON CONFLICT (handler, topic, stream_key) DO UPDATE SET sequence = stream_position.sequence + 1;
SELECT * FROM orders WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:n::text, 12, '0'))::uuid FOR UPDATE;
UPDATE orders SET state = 'RESERVED', known = '{"stock": "RESERVED", "approval": "AWAITED"}'::jsonb, version = version + 1, stream_sequence = stream_sequence + 1, update_time = now() WHERE order_id = ('00000000-0000-7000-8000-' || lpad(:n::text, 12, '0'))::uuid;
INSERT INTO outbox (event_id, event_type, topic, stream_key, stream_sequence, headers, value, occur_time) VALUES (lpad(:k::text, 32, '0')::uuid, 'OrderStateChanged', 'atlas.orders.v1', (lpad(:k::text, 32, '0')::uuid)::text, 1, '{"ce_id": "019b76da-a800-7300-ae31-205e303e4eeb", "ce_time": "2026-01-01T00:00:00.000Z", "ce_type": "OrderStateChanged", "ce_source": "order-svc", "ce_subject": "019b76da-a800-7300-ae31-205d38122d90", "traceparent": "00-11111111111111111111111111111111-2222222222222222-01", "content-type": "application/protobuf", "ce_dataschema": "atlas.orders.v1.OrderEvent", "ce_specversion": "1.0"}'::jsonb, decode(repeat('ab', 463), 'hex'), now());
COMMIT;
