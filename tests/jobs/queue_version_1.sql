BEGIN TRANSACTION;
CREATE TABLE automl_batches (
	name VARCHAR(200) NOT NULL, 
	folder TEXT NOT NULL, 
	results TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "automl_batches" VALUES('b','/data/b','/data/b/results');
CREATE TABLE automl_jobs (
	batch VARCHAR(200) NOT NULL, 
	id VARCHAR(12) NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	position INTEGER NOT NULL, 
	payload TEXT NOT NULL, 
	priority INTEGER NOT NULL, 
	n_jobs INTEGER NOT NULL, 
	memory DOUBLE NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	owner VARCHAR(200), 
	attempts INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	losses INTEGER NOT NULL, 
	lease DOUBLE, 
	ready_at DOUBLE NOT NULL, 
	cancel BOOLEAN NOT NULL, 
	started DOUBLE, 
	ended DOUBLE, 
	reason TEXT NOT NULL, 
	result TEXT NOT NULL, 
	PRIMARY KEY (batch, id)
);
INSERT INTO "automl_jobs" VALUES('b','a41fb98cb3b1','t0-quick-a41fb98c',1,'{"priority": 0, "resources": {"memory": null, "n_jobs": 1, "time_limit": null}, "retries": 2, "setting": {"estimator": "automl", "name": "quick", "parameters": {}}, "table": {"arguments": {"seed": 0}, "holdout": null, "kind": "call", "name": "t0", "source": "tests.jobs.workshop:table", "target": "y", "task": "auto", "test": null}}',0,1,0.0,'finished',NULL,1,0,0,NULL,0.0,0,1.79590655371601438526e+09,1.79590655372200918194e+09,'','{"test_score": 0.5}');
INSERT INTO "automl_jobs" VALUES('b','58748078dd37','t1-quick-58748078',2,'{"priority": 0, "resources": {"memory": null, "n_jobs": 1, "time_limit": null}, "retries": 2, "setting": {"estimator": "automl", "name": "quick", "parameters": {}}, "table": {"arguments": {"seed": 1}, "holdout": null, "kind": "call", "name": "t1", "source": "tests.jobs.workshop:table", "target": "y", "task": "auto", "test": null}}',0,1,0.0,'queued',NULL,1,0,1,NULL,0.0,0,1.79590655372398042685e+09,NULL,'its runner was lost','{}');
INSERT INTO "automl_jobs" VALUES('b','c1a011ea8f1e','t2-quick-c1a011ea',3,'{"priority": 0, "resources": {"memory": null, "n_jobs": 1, "time_limit": null}, "retries": 2, "setting": {"estimator": "automl", "name": "quick", "parameters": {}}, "table": {"arguments": {"seed": 2}, "holdout": null, "kind": "call", "name": "t2", "source": "tests.jobs.workshop:table", "target": "y", "task": "auto", "test": null}}',0,1,0.0,'queued',NULL,0,0,0,NULL,0.0,0,NULL,NULL,'','{}');
CREATE INDEX automl_jobs_queue ON automl_jobs (batch, state, priority, position);
COMMIT;
