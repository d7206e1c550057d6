/**
 * What installing the schema makes, as the database says it (catalogue.ts). Made by test/postgres/schema-snapshot.test.ts
 * with INDELIBLE_UPDATE_DOCS=1, never by hand.
 */
export const SNAPSHOT = `column appends.ends: integer[] | indelible_sealer: INSERT | indelible_writer: INSERT
column appends.expected_hash: text | indelible_sealer: INSERT | indelible_writer: INSERT
column appends.expected_seq: bigint | indelible_sealer: INSERT | indelible_writer: INSERT
column appends.head_seq: bigint | indelible_sealer: SELECT | indelible_writer: SELECT
column appends.ledger: text | indelible_sealer: INSERT | indelible_writer: INSERT
column appends.lines: bytea | indelible_sealer: INSERT | indelible_writer: INSERT
column appends.said_by: name | default CASE WHEN (current_setting('session_replication_role'::text) = 'replica'::text) THEN indelible.refuse_replica() ELSE CURRENT_USER END
column attachments.bytes: bytea | not null
column attachments.digest: bytea | not null
column attachments.ledger_id: integer | not null
column event.action: text
column event.correlation_id: text
column event.cost_usd: numeric
column event.event_type: text
column event.idempotency_key: text
column event.input_ref: text
column event.latency_ms: numeric
column event.message: text
column event.occurred_at: timestamp with time zone
column event.outcome: text
column event.output_ref: text
column event.params_hash: text
column event.source: text
column event.span_id: text
column events.action: text | indelible_writer: INSERT
column events.actor: json | indelible_writer: INSERT
column events.actor_id: text
column events.actor_type: text
column events.attachment: json
column events.body: text | collation C
column events.correlation_id: text | indelible_writer: INSERT, SELECT
column events.cost_usd: numeric | indelible_writer: INSERT
column events.data: json | indelible_writer: INSERT
column events.event_type: text | indelible_writer: INSERT
column events.hash: text | indelible_writer: SELECT
column events.id: text | indelible_writer: SELECT
column events.idempotency_key: text | indelible_writer: INSERT
column events.input_ref: text | indelible_writer: INSERT
column events.key_id: text
column events.latency_ms: numeric | indelible_writer: INSERT
column events.ledger: text | collation C | indelible_writer: INSERT, SELECT
column events.message: text | indelible_writer: INSERT
column events.occurred_at: timestamp with time zone | indelible_writer: INSERT
column events.outcome: text | indelible_writer: INSERT
column events.output_ref: text | indelible_writer: INSERT
column events.params_hash: text | indelible_writer: INSERT
column events.prev_hash: text
column events.recorded_at: timestamp with time zone | indelible_writer: SELECT
column events.related_resources: json | indelible_writer: INSERT
column events.resource: json | indelible_writer: INSERT
column events.resource_id: text
column events.resource_type: text
column events.said_by: name | default CASE WHEN (current_setting('session_replication_role'::text) = 'replica'::text) THEN indelible.refuse_replica() ELSE CURRENT_USER END
column events.sealed_for: integer
column events.seq: bigint | indelible_writer: SELECT
column events.session: json | indelible_writer: INSERT
column events.source: text | indelible_writer: INSERT
column events.span_id: text | indelible_writer: INSERT
column idempotency_keys.key: text | collation C | not null
column idempotency_keys.ledger_id: integer | not null
column idempotency_keys.seq: bigint | not null
column ledgers.created_at: timestamp with time zone | not null | default now()
column ledgers.id: integer | not null | identity always
column ledgers.keyed: boolean
column ledgers.name: text | collation C | not null
column members.ledger_id: integer | not null
column members.role: name | not null
column migrations.installed_at: timestamp with time zone | not null | default now()
column migrations.installed_by: name | not null | default SESSION_USER
column migrations.name: text | not null
column migrations.number: integer | not null
column outbox.action: text | not null | indelible_writer: INSERT
column outbox.actor: json | indelible_writer: INSERT
column outbox.company: bigint
column outbox.correlation_id: text | collation C | indelible_writer: INSERT
column outbox.cost_usd: numeric | indelible_writer: INSERT
column outbox.data: json | indelible_writer: INSERT
column outbox.event_type: text | indelible_writer: INSERT
column outbox.idempotency_key: text | indelible_writer: INSERT
column outbox.input_ref: text | indelible_writer: INSERT
column outbox.inserted_at: timestamp with time zone | not null | default clock_timestamp()
column outbox.latency_ms: numeric | indelible_writer: INSERT
column outbox.ledger: text | collation C | not null | indelible_writer: INSERT
column outbox.message: text | indelible_writer: INSERT
column outbox.occurred_at: timestamp with time zone | indelible_writer: INSERT
column outbox.outcome: text | indelible_writer: INSERT
column outbox.output_ref: text | indelible_writer: INSERT
column outbox.params_hash: text | indelible_writer: INSERT
column outbox.position: bigint | not null
column outbox.related_resources: json | indelible_writer: INSERT
column outbox.resource: json | indelible_writer: INSERT
column outbox.said_by: name | not null | default CURRENT_USER
column outbox.session: json | indelible_writer: INSERT
column outbox.source: text | indelible_writer: INSERT
column outbox.span_id: text | indelible_writer: INSERT
column outbox.xid: xid8 | not null | default pg_current_xact_id()
column outbox_lag.ledger: text | collation C
column outbox_lag.oldest_at: timestamp with time zone
column outbox_lag.oldest_seconds: double precision
column outbox_lag.refused: bigint
column outbox_lag.waiting: bigint
column outbox_refused.code: text | not null
column outbox_refused.event: text | not null
column outbox_refused.inserted_at: timestamp with time zone | not null
column outbox_refused.ledger: text | collation C | not null
column outbox_refused.message: text | not null
column outbox_refused.position: bigint | not null
column outbox_refused.refused_at: timestamp with time zone | not null | default clock_timestamp()
column record_members.action: text
column record_members.actor: json
column record_members.attachment: json
column record_members.correlation_id: text
column record_members.cost_usd: numeric
column record_members.data: json
column record_members.event_type: text
column record_members.id: text
column record_members.idempotency: json
column record_members.input_ref: text
column record_members.key_id: text
column record_members.latency_ms: numeric
column record_members.message: text
column record_members.occurred_at: timestamp with time zone
column record_members.outcome: text
column record_members.output_ref: text
column record_members.params_hash: text
column record_members.recorded_at: timestamp with time zone
column record_members.related_resources: json
column record_members.resource: json
column record_members.session: json
column record_members.source: text
column record_members.span_id: text
column records.begins_append: boolean | not null | default true
column records.body: text | collation C | not null
column records.hash: bytea | not null
column records.ledger_id: integer | not null
column records.prev_hash: bytea | not null
column records.seq: bigint | not null
column reservations.ledger: text | indelible_sealer: INSERT | indelible_writer: INSERT
column reservations.said_by: name | default CASE WHEN (current_setting('session_replication_role'::text) = 'replica'::text) THEN indelible.refuse_replica() ELSE CURRENT_USER END
column sealers.epoch: bigint | not null | default 1
column sealers.expires_at: timestamp with time zone | not null
column sealers.holder: text | not null
column sealers.idle_until: timestamp with time zone
column sealers.ledger_id: integer | not null
column seals.at_most: integer | indelible_sealer: INSERT
column seals.done: integer | indelible_sealer: SELECT
column seals.ends: integer[] | indelible_sealer: INSERT
column seals.epoch: bigint | indelible_sealer: INSERT
column seals.expected_hash: text | indelible_sealer: INSERT
column seals.expected_seq: bigint | indelible_sealer: INSERT
column seals.head_seq: bigint | indelible_sealer: SELECT
column seals.ledger: text | indelible_sealer: INSERT
column seals.lines: bytea | indelible_sealer: INSERT
column seals.positions: bigint[] | indelible_sealer: INSERT
column seals.refused: json | indelible_sealer: INSERT
column seals.said_by: name | default CASE WHEN (current_setting('session_replication_role'::text) = 'replica'::text) THEN indelible.refuse_replica() ELSE CURRENT_USER END
constraint attachments_bytes_check on attachments: CHECK ((octet_length(bytes) <= 67108864))
constraint attachments_digest_check on attachments: CHECK ((digest = sha256(bytes)))
constraint attachments_ledger_id_fkey on attachments: FOREIGN KEY (ledger_id) REFERENCES indelible.ledgers(id)
constraint idempotency_keys_pkey on idempotency_keys: PRIMARY KEY (ledger_id, key, seq)
constraint ledgers_name_check on ledgers: CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9._~:/@-]{0,199}$'::text))
constraint ledgers_name_key on ledgers: UNIQUE (name)
constraint ledgers_pkey on ledgers: PRIMARY KEY (id)
constraint members_ledger_id_fkey on members: FOREIGN KEY (ledger_id) REFERENCES indelible.ledgers(id)
constraint members_pkey on members: PRIMARY KEY (role, ledger_id)
constraint migrations_pkey on migrations: PRIMARY KEY (number)
constraint outbox_pkey on outbox: PRIMARY KEY (ledger, "position")
constraint outbox_place on outbox: TRIGGER DEFERRABLE INITIALLY DEFERRED
constraint outbox_refused_pkey on outbox_refused: PRIMARY KEY (ledger, "position")
constraint records_pkey on records: PRIMARY KEY (ledger_id, seq)
constraint sealers_ledger_id_fkey on sealers: FOREIGN KEY (ledger_id) REFERENCES indelible.ledgers(id)
constraint sealers_pkey on sealers: PRIMARY KEY (ledger_id)
function acts_as(who name, role name): owner indelible_owner | returns boolean | sql | stable | parallel | source dfc7d625a159f6342696128b0b2d3f02c0c7b28810b21b776e6886816196e7da | indelible_reader: EXECUTE | indelible_sealer: EXECUTE | indelible_writer: EXECUTE
function any_party_text(member text, written text, delegations integer): owner indelible_owner | returns text | plpgsql | source 460ba520952c88297ecfbb81e0914f7c7599a211924441180a4e701fa77ca71e
function append(ledger text, expected_seq bigint, expected_hash text, lines text): owner indelible_owner | returns bigint | plpgsql | source 05c671660b245ea8e2c04d8e99f4fa37e91da6a4e71c8a9c7a6992cd29fdc2b6 | indelible_sealer: EXECUTE | indelible_writer: EXECUTE
function append_lines(chain integer, ledger_name text, expected_seq bigint, expected_hash text, lines bytea, ends integer[]): owner indelible_owner | returns bigint | plpgsql | source 9a66e411af33651b98f4f0eba902f8629f5d57c606d03346b3223d760076d748
function appends_insert(): owner indelible_owner | returns trigger | plpgsql | security definer | set enable_seqscan=off | set plan_cache_mode=force_generic_plan | set search_path=pg_catalog, pg_temp | source 76ed1e8cc06be256306fba9d37ca304ed9a59ece6c78c170af5533ada5c395fe
function bind(ledger text, role name): owner indelible_owner | returns void | plpgsql | set search_path=pg_catalog, pg_temp | source c4ce2a9b9019cba1fde1af164b240b608f2085dc4440d24d084d594e3cd4e3a3
function canonical(value jsonb, depth integer, ascii boolean): owner indelible_owner | returns text | plpgsql | immutable | strict | parallel | source a78d0d474c9d65f523699cad6ffa7791de58d9bdf171a3d5225440b485419123
function canonical_json(value json, depth integer): owner indelible_owner | returns text | plpgsql | immutable | strict | source 2ab45c60118d4ade85be59d52155d4f9e86d02c5014af7df532bb9d5d80a411e
function canonical_number(value numeric): owner indelible_owner | returns text | plpgsql | immutable | strict | parallel | source 2e188d54cd70a68d1d6e995b3afda7fe56c7c7221e12d9b950942b2779a0e5ca
function canonical_value(written text, depth integer): owner indelible_owner | returns text | plpgsql | immutable | strict | source 4e22e7df727204eaf0c00ac2668062bc957a819093c135816a1be074825d3fa7
function check_amount(member text, value numeric): owner indelible_owner | returns void | plpgsql | source 6354519d97ca391e2911744ddc6ecbdf8c581797c34189122c49179a08fb6b88
function check_event(e indelible.event): owner indelible_owner | returns void | plpgsql | set search_path=pg_catalog, pg_temp | source 0df70afcd3f20ff316c981274b10fdc4e103b155c2b76fd56ccdff9ed02a1b30
function check_form(member text, value text, pattern text, words text): owner indelible_owner | returns void | plpgsql | source 3d8ce54ca7c7419a01559e88244b6e9b62ac01abade57e29c247fdc4ee35f672
function check_line(member text, value text, most integer): owner indelible_owner | returns void | plpgsql | source 130076ec70838aa6bfa0536a92b2af5a4e3d18c0aef13c9b4717af29dc78707d
function check_lines_of(member text, value jsonb, limits jsonb, required text[]): owner indelible_owner | returns void | plpgsql | source c8aa57614dce1cc998ceab42bf6e9d71f3cb7eec6599ed70e2a0f7c8546131b7
function check_list(member text, value jsonb): owner indelible_owner | returns void | plpgsql | source ec9a8314645ff652d3048209c9d9e2d61a31fbbfc99fbdab37791825f29be2dc
function check_resources(value jsonb): owner indelible_owner | returns void | plpgsql | source f00f2a8981a930ccd8d415ca2556054c4f968d9545e5b0cdcae07a9ad77ecf5f
function check_session(value jsonb): owner indelible_owner | returns void | plpgsql | source 00bafc63f5a81e4879f43e8e772e5071dbdc292762f29064e39b0ac54eac9b56
function checked_hash(line text, n bigint, ledger text, seq bigint, prev_hash bytea, keyed boolean): owner indelible_owner | returns bytea | plpgsql | source 109835bc0356722d3daf6cf93a693edc9879169e966646311131343a20f746bf
function count_members(json_text text): owner indelible_owner | returns integer | plpgsql | immutable | strict | parallel | source 5fa13904bcf33428c26e574d9e9d2979ae8031ae60b21131464b0be0fcc7b4b9
function create_ledger(name text, role name): owner indelible_owner | returns void | arguments name text, role name DEFAULT NULL::name | plpgsql | set search_path=pg_catalog, pg_temp | source 19727e36654996239fd7ca38cf3a62d27552fdb1afac9c16197a23e55eb874b9
function ends_of(lines text): owner indelible_owner | returns integer[] | plpgsql | source a6284827e5fda2458aade0796ad3ef8dc6162bca6b20dde40ef4da9062ff91de | indelible_sealer: EXECUTE | indelible_writer: EXECUTE
function events_insert(): owner indelible_owner | returns trigger | plpgsql | security definer | set enable_seqscan=off | set search_path=pg_catalog, pg_temp | source 7e86c050e7ec5ab43fe80d1538e493d138ac100fad19ce7d0440b1533d290a6f
function fenced(ledger text, problem text): owner indelible_owner | returns void | plpgsql | source 98c5db9d64eb1708199592ee1b2f9765f9f6e23b3156af9226a3a01f3014ffd7
function head(ledger text): owner indelible_owner | returns TABLE(seq bigint, hash text) | plpgsql | stable | set enable_bitmapscan=off | set enable_seqscan=off | set enable_sort=off | set search_path=pg_catalog, pg_temp | source 10ad28bcbd3a9b7a1f0961bb379cac84948ee7a24f141f09068347165ea38918 | indelible_reader: EXECUTE
function holder_of(chain integer, wanted text): owner indelible_owner | returns indelible.records | plpgsql | stable | set enable_bitmapscan=off | set enable_seqscan=off | set search_path=pg_catalog, pg_temp | source 44d6de5a94e934ab0d357ab170b5ed3c60d41fb41425c9e5a19c0496a79752bb
function idempotency_holders(ledger text, keys json): owner indelible_owner | returns TABLE(key text, digest text, seq bigint) | plpgsql | stable | set enable_bitmapscan=off | set enable_seqscan=off | set search_path=pg_catalog, pg_temp | source 185997b0cd46c4b8042449c6ead4c167dcc0c3de9a7a125002eb841d5428548c | indelible_reader: EXECUTE | indelible_sealer: EXECUTE
function idempotency_key(body text): owner indelible_owner | returns text | plpgsql | immutable | strict | set search_path=pg_catalog, pg_temp | source 1735b6e11d7a58170b7f1c685aa3954a95abb07ba3c16ac7bc05f795e48d65bb | indelible_reader: EXECUTE | indelible_sealer: EXECUTE | indelible_writer: EXECUTE
function idle(ledger text, epoch bigint, seconds double precision): owner indelible_owner | returns void | plpgsql | set search_path=pg_catalog, pg_temp | source 446741d71f8a811d75e387617f33aa4ed315050b462a3e6cfcd1ce5248a8cfbe | indelible_sealer: EXECUTE
function lead(ledger text, holder text, seconds double precision): owner indelible_owner | returns TABLE(epoch bigint, is_leader boolean, leader text, seconds_left double precision) | plpgsql | set search_path=pg_catalog, pg_temp | source 76ffa80bab6eb332d02f32dbca22d475e1044322d00798a1931fcfcad39eb564 | indelible_sealer: EXECUTE
function ledger_for(ledger text, who name): owner indelible_owner | returns indelible.ledgers | plpgsql | stable | set search_path=pg_catalog, pg_temp | source e7dfcac2e8f14e4cd088f986fc14ba98f9ddd82c7c29c54a3fcb7f55bd386f7b
function lock_ledger(ledger_id integer): owner indelible_owner | returns void | plpgsql | source eee5c05d65cf92d7650ab038424b26e661f83d1f5d18fb62d592cac39f3f6eac
function members_of(body text): owner indelible_owner | returns indelible.record_members | plpgsql | stable | strict | set DateStyle=ISO | set search_path=pg_catalog, pg_temp | source 63e9dc9be1c6e884c9de65f168dc9370f645a70a2d60b3bdb9e05dc29e02125d | indelible_reader: EXECUTE | indelible_sealer: EXECUTE | indelible_writer: EXECUTE
function my_ledger_ids(): owner indelible_owner | returns integer[] | plpgsql | stable | parallel | set search_path=pg_catalog, pg_temp | source a2c9b46af412f5f99787b429cee28873509f455489a54a047c971698ead6c017 | indelible_reader: EXECUTE | indelible_sealer: EXECUTE | indelible_writer: EXECUTE
function new_id(at timestamp with time zone): owner indelible_owner | returns text | sql | source ef0f40276417d7c0a642dca1623d46bbdb3b9aa99c4306320d4433c049f46fc1
function new_position(place indelible.outbox): owner indelible_owner | returns void | plpgsql | set enable_seqscan=off | source a62745eb2adb41b33cb6b87e03a5954d4cfca0f3c2f3fc33065763f92796decf
function note_key(chain integer, seq bigint, body text): owner indelible_owner | returns boolean | plpgsql | source 4439f2b3e03026fb3cad2e4dbc07e78f76c23586d2ed547fbe54443d73db2b1d
function only_ledger_of(who name): owner indelible_owner | returns text | plpgsql | stable | set search_path=pg_catalog, pg_temp | source 6cbbc71e0dadcbaea8d82f6b931c0eca8e5f869adee08a09d75f42830b20d788
function outbox_event(o indelible.outbox): owner indelible_owner | returns text | plpgsql | stable | source f114c8e6b2f8fd8ca35e19b2d774825b6d781fa1fa73bd620791a02291e831b6 | indelible_sealer: EXECUTE
function outbox_insert(): owner indelible_owner | returns trigger | plpgsql | security definer | set search_path=pg_catalog, pg_temp | source 3a52587ef3bf05d51f63c2651eecd98464a7cd4215d4eca19f31d0d9aa61549b
function outbox_place(): owner indelible_owner | returns trigger | plpgsql | security definer | set search_path=pg_catalog, pg_temp | source 38b2324a9b6764ecd75ee495148e5866564edbc3e5e7625f6098afd2125df5d5
function parsed(json_text text): owner indelible_owner | returns jsonb | plpgsql | immutable | strict | source fd8cc5638d24ef87270e38a8df3090df35e1990f1d3f6f522af3094112003fd1
function parties_text(member text, value json): owner indelible_owner | returns text | plpgsql | strict | source 188df0cfe92c7d8915fdc578a3cb4c4873ad7818d1a899a9f2c19a4f4f7719f2
function party_text(member text, value json, delegations integer): owner indelible_owner | returns text | plpgsql | strict | source a2d8480e1089ccb750eea3175c6a9ee87e721392279c2ad468fcd03f695a8984
function provision(name text, role name): owner indelible_owner | returns void | arguments name text, role name DEFAULT NULL::name | plpgsql | set search_path=pg_catalog, pg_temp | source 286809bff6603e637c7607632ce33ef6148a248f39789f924171021c42ffbf2f
function readable(body text): owner indelible_owner | returns json | plpgsql | immutable | strict | set search_path=pg_catalog, pg_temp | source dcef0ae728336b2d54e47f6bf1f5b1e113e33fc710a3a85c39d52b612626a222 | indelible_reader: EXECUTE | indelible_sealer: EXECUTE | indelible_writer: EXECUTE
function refuse_change(): owner indelible_owner | returns trigger | plpgsql | set search_path=pg_catalog, pg_temp | source dad609066af09790d6e8461745304a4359110ffb516b12efd286a6c4b516f387
function refuse_doubled(json_text text, parsed jsonb, canonical text): owner indelible_owner | returns void | plpgsql | source 5978b5bff1874ee3f1c474f1c31cf7fa03e9fb53cf9e77585bca63bf31080233
function refuse_event(code text, member text, rule text): owner indelible_owner | returns void | plpgsql | source 9555d4308c6c890c82171a4b1228cc8c0f64e3639c0c85f45c9971a96007795e
function refuse_lines(line bigint, problem text): owner indelible_owner | returns void | plpgsql | source aa82d770d290372e11d2c952f8279d7c4f62d1dda5b164e889dfab04ae6bb1f8
function refuse_replica(): owner indelible_owner | returns name | plpgsql | source 8d337a9934ecda2fe514b963ea0224710be465b7f636a82156c1f766202fa9b1 | indelible_sealer: EXECUTE | indelible_writer: EXECUTE
function refuse_rows(ledger text, refused json): owner indelible_owner | returns integer | plpgsql | set search_path=pg_catalog, pg_temp | source 07aa3bb1c5923f13371811e8fe2106980b93dffe1377a261a740bd10e041f412
function reservations_insert(): owner indelible_owner | returns trigger | plpgsql | security definer | set search_path=pg_catalog, pg_temp | source d9b7acffb66cf1ffb9a811d447fd971b6a83255bf06fd67a641ab56f97b61586
function reserve(ledger text): owner indelible_owner | returns void | plpgsql | source ddad122faa1a7d530f698e1d7990cbfcd466c126767b8ad71a621c80c39d6b48 | indelible_sealer: EXECUTE | indelible_writer: EXECUTE
function same_event(ledger_id integer, key text, digest text): owner indelible_owner | returns indelible.records | plpgsql | set search_path=pg_catalog, pg_temp | source 279895f6f9638cc94cf5fb2eb2d842ae94dfab9f5bfbc7d438cf9b5c0d4db59e
function seal(ledger text, epoch bigint, expected_seq bigint, expected_hash text, lines text, positions bigint[]): owner indelible_owner | returns bigint | plpgsql | set search_path=pg_catalog, pg_temp | source b857196bcad00949b78e07964aaa1a8c433bf3f2d3d1080f9ddaaffa1f2a581e | indelible_sealer: EXECUTE
function seal_outbox(ledger text, at_most integer): owner indelible_owner | returns integer | arguments ledger text, at_most integer DEFAULT 1000 | plpgsql | set search_path=pg_catalog, pg_temp | source d6d7fa6f1eac72a253955b429022d737c83a87e1c2d3d9a0ec828a55ab6da8d5 | indelible_sealer: EXECUTE
function seal_rows(the_ledger indelible.ledgers, at_most integer): owner indelible_owner | returns integer | plpgsql | set search_path=pg_catalog, pg_temp | source a9d466f65620f3e817e7cb18aefc4cf1aafe7bc1f5929b973a567287e980417a
function seals_insert(): owner indelible_owner | returns trigger | plpgsql | security definer | set enable_seqscan=off | set plan_cache_mode=force_generic_plan | set search_path=pg_catalog, pg_temp | source 0b4f938068d3da62ee9e74064d04c53756d4f0ac96f85b0cd6f2e96f2c25e58b
function session_text(value json): owner indelible_owner | returns text | plpgsql | strict | source 9d1ba3433e84c0099c9eb5d459e9276240c26d95e76e55e7e8aed83c8c8ebeb3
function set_aside(ledger text, epoch bigint, refused json): owner indelible_owner | returns integer | plpgsql | set search_path=pg_catalog, pg_temp | source c6d8ac69e027e454edde27e6100460db3dcf9d8e480360a0d1a0eb09f2c795c9 | indelible_sealer: EXECUTE
function structure_text(member text, value json): owner indelible_owner | returns text | plpgsql | source 5fc7e0d15b873fea07717a80f20f996b85e74824401e5cc57ccfd4d1d52b15ab
function survives_double(value numeric, point integer): owner indelible_owner | returns boolean | plpgsql | immutable | strict | parallel | set extra_float_digits=1 | set search_path=pg_catalog, pg_temp | source 5675b2014f37dd98e7c9c7ddac0d1ec88184ceb38745f6a4e2233fb152a3d399
function unbind(ledger text, role name): owner indelible_owner | returns void | plpgsql | set search_path=pg_catalog, pg_temp | source 58396b09485af724c07e00b6ac48c13d53b5107126071fdeff82511197247835
function utc_text(at timestamp with time zone): owner indelible_owner | returns text | plpgsql | immutable | strict | parallel | set search_path=pg_catalog, pg_temp | source 8457e9d55ef0049537143feceff8fb89a2ef7946d078f629d3f361d97a2893b9 | indelible_reader: EXECUTE | indelible_sealer: EXECUTE
function utf16_length(value text): owner indelible_owner | returns integer | sql | immutable | strict | parallel | source c2d66a5e933a457aba1f3f7b4cede40e10fb3765a6da1f85ccc449c33c12d505
function utf16_order(name text): owner indelible_owner | returns text | plpgsql | immutable | strict | parallel | source 2f9cc5ae80ee5bef35c4a3b90b85d4cf33a81f93698c0ec72de5711b05f71cb2
function visible_ledger_ids(): owner indelible_owner | returns integer[] | plpgsql | stable | parallel | set search_path=pg_catalog, pg_temp | source 0450af6d8e257c322059c1273c7fb13473bff19b4737dfc72331497b44f512ed | indelible_reader: EXECUTE | indelible_sealer: EXECUTE | indelible_writer: EXECUTE
function waiting(ledger text, at_most integer, bytes_at_most bigint): owner indelible_owner | returns TABLE("position" bigint, event text) | arguments ledger text, at_most integer, bytes_at_most bigint DEFAULT 4194304 | plpgsql | stable | set enable_bitmapscan=off | set enable_seqscan=off | set search_path=pg_catalog, pg_temp | source ae6116a3688b594f82348f3719d477460a73cf40be4788f5ead4f37c74c3255b | indelible_sealer: EXECUTE
index indelible.attachments_ledger_id_digest: CREATE INDEX attachments_ledger_id_digest ON indelible.attachments USING btree (ledger_id, digest)
index indelible.idempotency_keys_pkey: CREATE UNIQUE INDEX idempotency_keys_pkey ON indelible.idempotency_keys USING btree (ledger_id, key, seq)
index indelible.ledgers_name_key: CREATE UNIQUE INDEX ledgers_name_key ON indelible.ledgers USING btree (name)
index indelible.ledgers_pkey: CREATE UNIQUE INDEX ledgers_pkey ON indelible.ledgers USING btree (id)
index indelible.members_ledger: CREATE INDEX members_ledger ON indelible.members USING btree (ledger_id)
index indelible.members_pkey: CREATE UNIQUE INDEX members_pkey ON indelible.members USING btree (role, ledger_id)
index indelible.migrations_pkey: CREATE UNIQUE INDEX migrations_pkey ON indelible.migrations USING btree (number)
index indelible.outbox_pkey: CREATE UNIQUE INDEX outbox_pkey ON indelible.outbox USING btree (ledger, "position")
index indelible.outbox_refused_pkey: CREATE UNIQUE INDEX outbox_refused_pkey ON indelible.outbox_refused USING btree (ledger, "position")
index indelible.records_pkey: CREATE UNIQUE INDEX records_pkey ON indelible.records USING btree (ledger_id, seq)
index indelible.records_prev_hash_key: CREATE UNIQUE INDEX records_prev_hash_key ON indelible.records USING btree (prev_hash, ledger_id) WHERE begins_append | computed
index indelible.sealers_pkey: CREATE UNIQUE INDEX sealers_pkey ON indelible.sealers USING btree (ledger_id)
policy attachments_added on attachments: permissive | INSERT | for PUBLIC | check (ledger_id = ANY (( SELECT indelible.my_ledger_ids() AS my_ledger_ids)::integer[]))
policy attachments_bound on attachments: permissive | SELECT | for PUBLIC | using (ledger_id = ANY (( SELECT indelible.my_ledger_ids() AS my_ledger_ids)::integer[]))
policy idempotency_keys_bound on idempotency_keys: permissive | SELECT | for PUBLIC | using (ledger_id = ANY (( SELECT indelible.my_ledger_ids() AS my_ledger_ids)::integer[]))
policy ledgers_bound on ledgers: permissive | SELECT | for PUBLIC | using (id = ANY (( SELECT indelible.my_ledger_ids() AS my_ledger_ids)::integer[]))
policy members_of_own on members: permissive | SELECT | for PUBLIC | using indelible.acts_as(CURRENT_USER, role)
policy outbox_bound on outbox: permissive | SELECT | for PUBLIC | using (ledger = ANY (ARRAY( SELECT l.name FROM indelible.ledgers l)))
policy outbox_insert on outbox: permissive | INSERT | for PUBLIC | check true
policy outbox_refused_bound on outbox_refused: permissive | SELECT | for PUBLIC | using (ledger = ANY (ARRAY( SELECT l.name FROM indelible.ledgers l)))
policy records_bound on records: permissive | SELECT | for PUBLIC | using (ledger_id = ANY (( SELECT indelible.my_ledger_ids() AS my_ledger_ids)::integer[]))
policy sealers_bound on sealers: permissive | ALL | for PUBLIC | using (ledger_id = ANY (( SELECT indelible.my_ledger_ids() AS my_ledger_ids)::integer[]))
role indelible_owner:
role indelible_reader:
role indelible_sealer:
role indelible_writer:
schema indelible: owner indelible_owner | indelible_reader: USAGE | indelible_sealer: USAGE | indelible_writer: USAGE
sequence ledgers_id_seq: owner indelible_owner
sequence outbox_company: owner indelible_owner
sequence outbox_idle: owner indelible_owner | indelible_sealer: SELECT, UPDATE
sequence outbox_positions: owner indelible_owner
table attachments: owner indelible_owner | row security | indelible_reader: SELECT | indelible_writer: INSERT
table idempotency_keys: owner indelible_owner | row security | indelible_reader: SELECT
table ledgers: owner indelible_owner | row security | indelible_reader: SELECT | indelible_sealer: SELECT | indelible_writer: SELECT
table members: owner indelible_owner | row security | indelible_reader: SELECT | indelible_sealer: SELECT | indelible_writer: SELECT
table migrations: owner indelible_owner | indelible_reader: SELECT | indelible_sealer: SELECT | indelible_writer: SELECT
table outbox: owner indelible_owner | row security | indelible_sealer: SELECT
table outbox_refused: owner indelible_owner | row security | indelible_reader: SELECT | indelible_sealer: SELECT
table records: owner indelible_owner | row security | indelible_reader: SELECT
table sealers: owner indelible_owner | row security | indelible_sealer: INSERT, SELECT, UPDATE
trigger appends_insert on appends: CREATE TRIGGER appends_insert INSTEAD OF INSERT ON indelible.appends FOR EACH ROW EXECUTE FUNCTION indelible.appends_insert() | enabled
trigger attachments_refuse_change on attachments: CREATE TRIGGER attachments_refuse_change BEFORE UPDATE OR TRUNCATE ON indelible.attachments FOR EACH STATEMENT EXECUTE FUNCTION indelible.refuse_change() | always
trigger events_insert on events: CREATE TRIGGER events_insert INSTEAD OF INSERT ON indelible.events FOR EACH ROW EXECUTE FUNCTION indelible.events_insert() | enabled
trigger events_refuse_change on events: CREATE TRIGGER events_refuse_change INSTEAD OF DELETE OR UPDATE ON indelible.events FOR EACH ROW EXECUTE FUNCTION indelible.refuse_change() | enabled
trigger idempotency_keys_refuse_change on idempotency_keys: CREATE TRIGGER idempotency_keys_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON indelible.idempotency_keys FOR EACH STATEMENT EXECUTE FUNCTION indelible.refuse_change() | always
trigger ledgers_refuse_change on ledgers: CREATE TRIGGER ledgers_refuse_change BEFORE UPDATE ON indelible.ledgers FOR EACH ROW WHEN (((old.keyed IS NOT NULL) OR (new.id <> old.id) OR (new.name <> old.name))) EXECUTE FUNCTION indelible.refuse_change() | always
trigger ledgers_refuse_removal on ledgers: CREATE TRIGGER ledgers_refuse_removal BEFORE DELETE OR TRUNCATE ON indelible.ledgers FOR EACH STATEMENT EXECUTE FUNCTION indelible.refuse_change() | always
trigger outbox_insert on outbox: CREATE TRIGGER outbox_insert BEFORE INSERT ON indelible.outbox FOR EACH ROW EXECUTE FUNCTION indelible.outbox_insert() | always
trigger outbox_place on outbox: CREATE CONSTRAINT TRIGGER outbox_place AFTER INSERT ON indelible.outbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.correlation_id IS NOT NULL)) EXECUTE FUNCTION indelible.outbox_place() | always
trigger records_refuse_change on records: CREATE TRIGGER records_refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON indelible.records FOR EACH STATEMENT EXECUTE FUNCTION indelible.refuse_change() | always
trigger reservations_insert on reservations: CREATE TRIGGER reservations_insert INSTEAD OF INSERT ON indelible.reservations FOR EACH ROW EXECUTE FUNCTION indelible.reservations_insert() | enabled
trigger seals_insert on seals: CREATE TRIGGER seals_insert INSTEAD OF INSERT ON indelible.seals FOR EACH ROW EXECUTE FUNCTION indelible.seals_insert() | enabled
type event: owner indelible_owner
type record_members: owner indelible_owner
view appends: owner indelible_owner | definition 823fd3c6281b61a073108f8db02437c09b647230b648faaee68ac8e9478f157b
view events: owner indelible_owner | security_barrier=true | definition 0f6f8c089e21093856d7545a00eaae83fc9a15387863a6d388c03600cc3a6157 | indelible_reader: SELECT
view outbox_lag: owner indelible_owner | security_barrier=true | definition ba928fe606fd0b1f03f8d0c2cd671958b42f84dcc652164bf5132f85d289395c | indelible_reader: SELECT | indelible_sealer: SELECT | indelible_writer: SELECT
view reservations: owner indelible_owner | definition 3318294eb842613bdf29df25d6d8ba9010850db9bc094d925b0e92c9f31c0ceb
view seals: owner indelible_owner | definition c90ef48bd951b5e11bd4c3fe4f13fea0b2010a3cd02ac68f40396d1f38f5e62c`;
