-- A ledger as version 0.1.0 made it; dumped by sqlite3.
BEGIN TRANSACTION;
CREATE TABLE calls (
	id VARCHAR NOT NULL,
	direction VARCHAR,
	station VARCHAR,
	trunk VARCHAR,
	caller VARCHAR,
	callee VARCHAR,
	started_at VARCHAR,
	answered_at VARCHAR,
	ended_at VARCHAR,
	result VARCHAR,
	reason VARCHAR,
	side VARCHAR,
	status INTEGER,
	rule VARCHAR,
	mode VARCHAR,
	rules_version VARCHAR,
	decision_reason VARCHAR,
	decision_reason_pl VARCHAR,
	decision_path JSON,
	emergency BOOLEAN,
	purpose VARCHAR,
	legal_basis VARCHAR,
	retention VARCHAR,
	notice JSON,
	caller_call_id VARCHAR,
	callee_call_id VARCHAR,
	recording VARCHAR,
	recording_state VARCHAR,
	recording_file VARCHAR,
	recording_reasons JSON,
	recording_ms INTEGER,
	PRIMARY KEY (id)
);
INSERT INTO "calls" VALUES('c1','inbound','101','carrier','601 234 567','+48221234567','2026-11-24T10:00:00.000000Z','2026-11-24T10:00:00.000000Z','2026-11-24T10:00:00.000000Z','completed',NULL,NULL,NULL,'record-all','automatic','v1','fits','pasuje','[]',0,NULL,NULL,NULL,'[]',NULL,NULL,'r1','degraded','/x/r1.wav','["loss"]',60000);
INSERT INTO "calls" VALUES('c2','inbound','101','carrier','601 234 567','+48221234567','2026-11-24T10:00:00.000000Z','2026-11-24T10:00:00.000000Z','2026-11-24T10:00:00.000000Z','completed',NULL,NULL,NULL,'record-all','automatic','v1','fits','pasuje','[]',0,NULL,NULL,NULL,'[]',NULL,NULL,'r2',NULL,NULL,NULL,NULL);
INSERT INTO "calls" VALUES('c3','inbound','101','carrier','601 234 567','+48221234567','2026-11-24T10:00:00.000000Z','2026-11-24T10:00:00.000000Z','2026-11-24T10:00:00.000000Z','completed',NULL,NULL,NULL,'record-all','never','v1','fits','pasuje','[]',0,NULL,NULL,NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "calls" VALUES('c4','inbound','101','carrier','601 234 567','+48221234567','2026-11-24T10:00:00.000000Z',NULL,'2026-11-24T10:00:00.000000Z','cancelled',NULL,NULL,NULL,'record-all','automatic','v1','fits','pasuje','[]',0,NULL,NULL,NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "calls" VALUES('c5','inbound','101','carrier','601 234 567','+48221234567','2026-11-24T10:00:00.000000Z','2026-11-24T10:00:00.000000Z','2026-11-24T10:00:00.000000Z','completed',NULL,NULL,NULL,'record-all','automatic','v1','fits','pasuje','[]',0,NULL,NULL,NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX calls_started_at ON calls (started_at);
CREATE INDEX calls_recording ON calls (recording);
COMMIT;
PRAGMA user_version = 1;
