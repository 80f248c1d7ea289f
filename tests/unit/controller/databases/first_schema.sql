PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES('0001');
CREATE TABLE fleet (
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO fleet VALUES('desk-qwfut7','desk',1795387661.2485420704);
CREATE TABLE inventory (
	bot VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	revision VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	token VARCHAR NOT NULL, 
	scheduler VARCHAR NOT NULL, 
	node VARCHAR NOT NULL, 
	program VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	tree VARCHAR NOT NULL, 
	intent VARCHAR NOT NULL, 
	halted VARCHAR NOT NULL, 
	code VARCHAR NOT NULL, 
	dependencies VARCHAR NOT NULL, 
	applied_at FLOAT, 
	spec TEXT, 
	PRIMARY KEY (bot)
);
INSERT INTO inventory VALUES('flaky-doge','bots/flaky-doge.yaml','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','4398b4a828697f316ff7d7e9c99f416c237125f91220add8d92ad5b8e63f487f','18ea7f91ab7f24ad-75a2c1f3','local','','flaky-feed','0.1.0','999af1b554c81917aa9f7f28a6aa518ea519dfd2','','','code-999af1b554c81917aa9f7f28a6aa518ea519dfd2','dependencies-46dd1d7bb86f02bd9aab02830e70e3ef821f307d-python3.11-3.11-linux-x86_64-glibc',1795387665.1269593239,'{"name":"flaky-doge","program":{"name":"flaky-feed","version":"0.1.0","type":"realtime","runtime":"python3.11","entrypoint":"main.py","query_entrypoint":"","path":"programs/flaky-feed","tree":"999af1b554c81917aa9f7f28a6aa518ea519dfd2","dependencies":"requirements.txt","dependencies_id":"46dd1d7bb86f02bd9aab02830e70e3ef821f307d"},"mode":"dry","enabled":true,"config_json":"{\"breaks_after\":3,\"cpu_limit\":\"250m\",\"memory_limit\":\"96Mi\",\"mode\":\"dry\",\"name\":\"flaky-doge\",\"type\":\"realtime/flaky-feed\",\"version\":\"0.1.0\"}","path":"bots/flaky-doge.yaml","digest":"4398b4a828697f316ff7d7e9c99f416c237125f91220add8d92ad5b8e63f487f","environment":"","schedule":"","timezone":"UTC","catch_up":false,"timeout":3600.0,"kill_timeout":30.0,"healthy_after":10.0,"resources":{"memory_limit":100663296,"memory_request":null,"cpu_limit":250,"cpu_request":null},"restart":{"first_delay":1.0,"max_delay":300.0,"reset_after":600.0,"degraded_crashes":5,"degraded_window":600.0},"lease":{"ttl":30.0,"renew_every":5.0,"terminate_after":15.0,"kill_after":27.0},"secrets":[],"priority":50,"labels":{},"account":"","currency":"","annualization":365,"renamed_from":"","depends_on":[],"allow_major":false,"alerts":{},"risk":{}}');
INSERT INTO inventory VALUES('mm-eth','bots/mm-eth.yaml','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','f56c063fc59dd6f4e07097ef24f356673952c01c25bded8ee0a328fe3cb72ab2','18ea7f91ab7ca17e-7fc14382','local','','market-maker','0.9.0','fadf88c6883ff329ae3ac747460fd1097e971370','','','code-fadf88c6883ff329ae3ac747460fd1097e971370','dependencies-46dd1d7bb86f02bd9aab02830e70e3ef821f307d-python3.11-3.11-linux-x86_64-glibc',1795387665.1020801067,'{"name":"mm-eth","program":{"name":"market-maker","version":"0.9.0","type":"realtime","runtime":"python3.11","entrypoint":"main.py","query_entrypoint":"","path":"programs/market-maker","tree":"fadf88c6883ff329ae3ac747460fd1097e971370","dependencies":"requirements.txt","dependencies_id":"46dd1d7bb86f02bd9aab02830e70e3ef821f307d"},"mode":"dry","enabled":true,"config_json":"{\"cpu_limit\":\"250m\",\"every\":0.4,\"max_inventory\":5,\"memory_limit\":\"96Mi\",\"mode\":\"dry\",\"name\":\"mm-eth\",\"spread_bps\":8,\"symbol\":\"ETH/USDT\",\"type\":\"realtime/market-maker\",\"version\":\"0.9.0\"}","path":"bots/mm-eth.yaml","digest":"f56c063fc59dd6f4e07097ef24f356673952c01c25bded8ee0a328fe3cb72ab2","environment":"","schedule":"","timezone":"UTC","catch_up":false,"timeout":3600.0,"kill_timeout":30.0,"healthy_after":10.0,"resources":{"memory_limit":100663296,"memory_request":null,"cpu_limit":250,"cpu_request":null},"restart":{"first_delay":1.0,"max_delay":300.0,"reset_after":600.0,"degraded_crashes":5,"degraded_window":600.0},"lease":{"ttl":30.0,"renew_every":5.0,"terminate_after":15.0,"kill_after":27.0},"secrets":[],"priority":50,"labels":{},"account":"","currency":"USDT","annualization":365,"renamed_from":"","depends_on":[],"allow_major":false,"alerts":{},"risk":{}}');
INSERT INTO inventory VALUES('noisy-xrp','bots/noisy-xrp.yaml','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','4ddc18b7b3683486c39f097ce7594fe39b18d7c61734745283a4091b4382ebee','18ea7f91aae6df89-08fba3fa','local','','noisy-errors','0.2.0','e3b735808e13bb60477db75d8cf68de3d1749c9e','','','code-e3b735808e13bb60477db75d8cf68de3d1749c9e','dependencies-46dd1d7bb86f02bd9aab02830e70e3ef821f307d-python3.11-3.11-linux-x86_64-glibc',1795387665.0864500998,'{"name":"noisy-xrp","program":{"name":"noisy-errors","version":"0.2.0","type":"realtime","runtime":"python3.11","entrypoint":"main.py","query_entrypoint":"","path":"programs/noisy-errors","tree":"e3b735808e13bb60477db75d8cf68de3d1749c9e","dependencies":"requirements.txt","dependencies_id":"46dd1d7bb86f02bd9aab02830e70e3ef821f307d"},"mode":"dry","enabled":true,"config_json":"{\"cpu_limit\":\"250m\",\"every\":4,\"memory_limit\":\"96Mi\",\"mode\":\"dry\",\"name\":\"noisy-xrp\",\"type\":\"realtime/noisy-errors\",\"version\":\"0.2.0\"}","path":"bots/noisy-xrp.yaml","digest":"4ddc18b7b3683486c39f097ce7594fe39b18d7c61734745283a4091b4382ebee","environment":"","schedule":"","timezone":"UTC","catch_up":false,"timeout":3600.0,"kill_timeout":30.0,"healthy_after":10.0,"resources":{"memory_limit":100663296,"memory_request":null,"cpu_limit":250,"cpu_request":null},"restart":{"first_delay":1.0,"max_delay":300.0,"reset_after":600.0,"degraded_crashes":5,"degraded_window":600.0},"lease":{"ttl":30.0,"renew_every":5.0,"terminate_after":15.0,"kill_after":27.0},"secrets":[],"priority":50,"labels":{},"account":"","currency":"","annualization":365,"renamed_from":"","depends_on":[],"allow_major":false,"alerts":{},"risk":{}}');
INSERT INTO inventory VALUES('rebalance','bots/rebalance.yaml','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','1feaed58b0544f8002f01b68746f0b41d1da8e56db2f3ccfd76da018a2381f30','18ea7f91ab5616c5-c7f7d88b','local','','rebalancer','1.0.0','8953d13a827c1b66a4ecbc535beec468336019d9','','','code-8953d13a827c1b66a4ecbc535beec468336019d9','dependencies-46dd1d7bb86f02bd9aab02830e70e3ef821f307d-python3.11-3.11-linux-x86_64-glibc',1795387665.1268327235,'{"name":"rebalance","program":{"name":"rebalancer","version":"1.0.0","type":"scheduled","runtime":"python3.11","entrypoint":"main.py","query_entrypoint":"","path":"programs/rebalancer","tree":"8953d13a827c1b66a4ecbc535beec468336019d9","dependencies":"requirements.txt","dependencies_id":"46dd1d7bb86f02bd9aab02830e70e3ef821f307d"},"mode":"dry","enabled":true,"config_json":"{\"cpu_limit\":\"250m\",\"memory_limit\":\"96Mi\",\"mode\":\"dry\",\"name\":\"rebalance\",\"schedule\":\"* * * * *\",\"target\":0.6,\"timezone\":\"UTC\",\"tolerance\":0.02,\"type\":\"scheduled/rebalancer\",\"version\":\"1.0.0\"}","path":"bots/rebalance.yaml","digest":"1feaed58b0544f8002f01b68746f0b41d1da8e56db2f3ccfd76da018a2381f30","environment":"","schedule":"* * * * *","timezone":"UTC","catch_up":false,"timeout":30.0,"kill_timeout":30.0,"healthy_after":10.0,"resources":{"memory_limit":100663296,"memory_request":null,"cpu_limit":250,"cpu_request":null},"restart":{"first_delay":1.0,"max_delay":300.0,"reset_after":600.0,"degraded_crashes":5,"degraded_window":600.0},"lease":{"ttl":30.0,"renew_every":5.0,"terminate_after":15.0,"kill_after":27.0},"secrets":[],"priority":50,"labels":{},"account":"","currency":"USDT","annualization":365,"renamed_from":"","depends_on":[],"allow_major":false,"alerts":{},"risk":{}}');
INSERT INTO inventory VALUES('sma-btc','bots/sma-btc.yaml','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','df10fa50c3c5be573373df767c02119ea0365316ab41c79210db3fa23b3fb95c','18ea7f91acc115ef-4be10149','local','','sma-cross','1.2.0','ff74867ba52c7b5ad45ef619e000c0e4ee984751','','','code-ff74867ba52c7b5ad45ef619e000c0e4ee984751','dependencies-46dd1d7bb86f02bd9aab02830e70e3ef821f307d-python3.11-3.11-linux-x86_64-glibc',1795387665.126992464,'{"name":"sma-btc","program":{"name":"sma-cross","version":"1.2.0","type":"realtime","runtime":"python3.11","entrypoint":"main.py","query_entrypoint":"","path":"programs/sma-cross","tree":"ff74867ba52c7b5ad45ef619e000c0e4ee984751","dependencies":"requirements.txt","dependencies_id":"46dd1d7bb86f02bd9aab02830e70e3ef821f307d"},"mode":"dry","enabled":true,"config_json":"{\"cpu_limit\":\"250m\",\"every\":0.5,\"fast\":10,\"memory_limit\":\"96Mi\",\"mode\":\"dry\",\"name\":\"sma-btc\",\"size\":2,\"slow\":30,\"symbol\":\"BTC/USDT\",\"type\":\"realtime/sma-cross\",\"version\":\"1.2.0\"}","path":"bots/sma-btc.yaml","digest":"df10fa50c3c5be573373df767c02119ea0365316ab41c79210db3fa23b3fb95c","environment":"","schedule":"","timezone":"UTC","catch_up":false,"timeout":3600.0,"kill_timeout":30.0,"healthy_after":10.0,"resources":{"memory_limit":100663296,"memory_request":null,"cpu_limit":250,"cpu_request":null},"restart":{"first_delay":1.0,"max_delay":300.0,"reset_after":600.0,"degraded_crashes":5,"degraded_window":600.0},"lease":{"ttl":30.0,"renew_every":5.0,"terminate_after":15.0,"kill_after":27.0},"secrets":[],"priority":50,"labels":{"team":"trend"},"account":"","currency":"USDT","annualization":365,"renamed_from":"","depends_on":[],"allow_major":false,"alerts":{},"risk":{}}');
INSERT INTO inventory VALUES('sma-eth','bots/sma-eth.yaml','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','18f2b3bf2d7e86e85bc8c9c83316e5ea7b8517bfee0b672904e7e6b3e00ab3ff','18ea7f91ace334e7-514e8db3','local','','sma-cross','1.2.0','ff74867ba52c7b5ad45ef619e000c0e4ee984751','','','code-ff74867ba52c7b5ad45ef619e000c0e4ee984751','dependencies-46dd1d7bb86f02bd9aab02830e70e3ef821f307d-python3.11-3.11-linux-x86_64-glibc',1795387665.1485950946,'{"name":"sma-eth","program":{"name":"sma-cross","version":"1.2.0","type":"realtime","runtime":"python3.11","entrypoint":"main.py","query_entrypoint":"","path":"programs/sma-cross","tree":"ff74867ba52c7b5ad45ef619e000c0e4ee984751","dependencies":"requirements.txt","dependencies_id":"46dd1d7bb86f02bd9aab02830e70e3ef821f307d"},"mode":"dry","enabled":true,"config_json":"{\"cpu_limit\":\"250m\",\"every\":0.5,\"fast\":8,\"memory_limit\":\"96Mi\",\"mode\":\"dry\",\"name\":\"sma-eth\",\"size\":1,\"slow\":21,\"symbol\":\"ETH/USDT\",\"type\":\"realtime/sma-cross\",\"version\":\"1.2.0\"}","path":"bots/sma-eth.yaml","digest":"18f2b3bf2d7e86e85bc8c9c83316e5ea7b8517bfee0b672904e7e6b3e00ab3ff","environment":"","schedule":"","timezone":"UTC","catch_up":false,"timeout":3600.0,"kill_timeout":30.0,"healthy_after":10.0,"resources":{"memory_limit":100663296,"memory_request":null,"cpu_limit":250,"cpu_request":null},"restart":{"first_delay":1.0,"max_delay":300.0,"reset_after":600.0,"degraded_crashes":5,"degraded_window":600.0},"lease":{"ttl":30.0,"renew_every":5.0,"terminate_after":15.0,"kill_after":27.0},"secrets":[],"priority":50,"labels":{"team":"trend"},"account":"","currency":"USDT","annualization":365,"renamed_from":"","depends_on":[],"allow_major":false,"alerts":{},"risk":{}}');
CREATE TABLE status (
	bot VARCHAR NOT NULL, 
	status TEXT NOT NULL, 
	process TEXT NOT NULL, 
	saved_at FLOAT NOT NULL, 
	PRIMARY KEY (bot)
);
INSERT INTO status VALUES('sma-btc','{"name":"sma-btc","program":"sma-cross","version":"1.2.0","type":"realtime","mode":"dry","environment":"","sync":"Synced","health":"Healthy","reason":"Running","message":"","applied_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","attempted_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","restarts":0,"started_at":1795387665.2936633,"since":1795387675.4500391,"path":"bots/sma-btc.yaml","node":"vm","allocation":"sma-btc-525430a9f559","run":"sma-btc-525430a9f559-1","schedule":"","timezone":"","next_run":null,"memory_limit":100663296,"cpu_limit":250,"account":"","currency":"USDT","observed_generation":5}','{"allocation":"sma-btc-525430a9f559","spec":"df10fa50c3c5be573373df767c02119ea0365316ab41c79210db3fa23b3fb95c","node":"vm","first_at":1795387665.280733,"last_at":1795387699.180619,"stage":"exited","run":"sma-btc-525430a9f559-1","ended":"sma-btc-525430a9f559-1","attempt":1,"reason":"stopped","message":"","started_at":1795387665.2936633,"alive_since":null,"restart_in":null,"restarts":0,"crashes":[],"looping":false,"last_error":"","last_outcome":"stopped","last_ended_at":1795387699.1805317,"superseded":[]}',1795387699.1965425014);
INSERT INTO status VALUES('noisy-xrp','{"name":"noisy-xrp","program":"noisy-errors","version":"0.2.0","type":"realtime","mode":"dry","environment":"","sync":"Synced","health":"Healthy","reason":"Running","message":"","applied_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","attempted_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","restarts":0,"started_at":1795387665.2248256,"since":1795387675.4497898,"path":"bots/noisy-xrp.yaml","node":"vm","allocation":"noisy-xrp-bde725dafd0d","run":"noisy-xrp-bde725dafd0d-1","schedule":"","timezone":"","next_run":null,"memory_limit":100663296,"cpu_limit":250,"account":"","currency":"","observed_generation":5}','{"allocation":"noisy-xrp-bde725dafd0d","spec":"4ddc18b7b3683486c39f097ce7594fe39b18d7c61734745283a4091b4382ebee","node":"vm","first_at":1795387665.199522,"last_at":1795387699.189185,"stage":"exited","run":"noisy-xrp-bde725dafd0d-1","ended":"noisy-xrp-bde725dafd0d-1","attempt":1,"reason":"stopped","message":"","started_at":1795387665.2248256,"alive_since":null,"restart_in":null,"restarts":0,"crashes":[],"looping":false,"last_error":"","last_outcome":"stopped","last_ended_at":1795387699.189097,"superseded":[]}',1795387699.1965425014);
INSERT INTO status VALUES('mm-eth','{"name":"mm-eth","program":"market-maker","version":"0.9.0","type":"realtime","mode":"dry","environment":"","sync":"Synced","health":"Healthy","reason":"Running","message":"","applied_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","attempted_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","restarts":0,"started_at":1795387665.2440958,"since":1795387675.4501147,"path":"bots/mm-eth.yaml","node":"vm","allocation":"mm-eth-aa1ab72ee3b0","run":"mm-eth-aa1ab72ee3b0-1","schedule":"","timezone":"","next_run":null,"memory_limit":100663296,"cpu_limit":250,"account":"","currency":"USDT","observed_generation":5}','{"allocation":"mm-eth-aa1ab72ee3b0","spec":"f56c063fc59dd6f4e07097ef24f356673952c01c25bded8ee0a328fe3cb72ab2","node":"vm","first_at":1795387665.223493,"last_at":1795387699.156394,"stage":"exited","run":"mm-eth-aa1ab72ee3b0-1","ended":"mm-eth-aa1ab72ee3b0-1","attempt":1,"reason":"stopped","message":"","started_at":1795387665.2440958,"alive_since":null,"restart_in":null,"restarts":0,"crashes":[],"looping":false,"last_error":"","last_outcome":"stopped","last_ended_at":1795387699.1563044,"superseded":[]}',1795387699.1652987002);
INSERT INTO status VALUES('sma-eth','{"name":"sma-eth","program":"sma-cross","version":"1.2.0","type":"realtime","mode":"dry","environment":"","sync":"Synced","health":"Healthy","reason":"Running","message":"","applied_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","attempted_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","restarts":0,"started_at":1795387665.3089578,"since":1795387675.4501805,"path":"bots/sma-eth.yaml","node":"vm","allocation":"sma-eth-c7d190a88329","run":"sma-eth-c7d190a88329-1","schedule":"","timezone":"","next_run":null,"memory_limit":100663296,"cpu_limit":250,"account":"","currency":"USDT","observed_generation":5}','{"allocation":"sma-eth-c7d190a88329","spec":"18f2b3bf2d7e86e85bc8c9c83316e5ea7b8517bfee0b672904e7e6b3e00ab3ff","node":"vm","first_at":1795387665.289856,"last_at":1795387699.192805,"stage":"exited","run":"sma-eth-c7d190a88329-1","ended":"sma-eth-c7d190a88329-1","attempt":1,"reason":"stopped","message":"","started_at":1795387665.3089578,"alive_since":null,"restart_in":null,"restarts":0,"crashes":[],"looping":false,"last_error":"","last_outcome":"stopped","last_ended_at":1795387699.1927216,"superseded":[]}',1795387699.1965425014);
INSERT INTO status VALUES('flaky-doge','{"name":"flaky-doge","program":"flaky-feed","version":"0.1.0","type":"realtime","mode":"dry","environment":"","sync":"Synced","health":"Degraded","reason":"CrashLoop","message":"crashed 5 times in 28 s: ConnectionError: connection refused by the market data feed","applied_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","attempted_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","restarts":4,"started_at":null,"since":1795387696.553544,"path":"bots/flaky-doge.yaml","node":"vm","allocation":"flaky-doge-c92c5784abb9","run":"flaky-doge-c92c5784abb9-5","schedule":"","timezone":"","next_run":null,"memory_limit":100663296,"cpu_limit":250,"account":"","currency":"","observed_generation":13}','{"allocation":"flaky-doge-c92c5784abb9","spec":"4398b4a828697f316ff7d7e9c99f416c237125f91220add8d92ad5b8e63f487f","node":"vm","first_at":1795387665.214839,"last_at":1795387699.144095,"stage":"exited","run":"flaky-doge-c92c5784abb9-5","ended":"flaky-doge-c92c5784abb9-5","attempt":5,"reason":"crashed","message":"ConnectionError: connection refused by the market data feed","started_at":1795387693.4440322,"alive_since":null,"restart_in":16.0,"restarts":4,"crashes":[1795387668.6979144,1795387672.9318135,1795387678.1262693,1795387685.4354472,1795387696.5474102],"looping":true,"last_error":"ConnectionError: connection refused by the market data feed","last_outcome":"crashed","last_ended_at":1795387696.5474102,"superseded":[]}',1795387699.1652987002);
INSERT INTO status VALUES('rebalance','{"name":"rebalance","program":"rebalancer","version":"1.0.0","type":"scheduled","mode":"dry","environment":"","sync":"Synced","health":"Healthy","reason":"WaitingForSlot","message":"","applied_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","attempted_revision":"d6991543ce0ba7cbafad62fb8bcc3c7fc2642096","restarts":0,"started_at":null,"since":1795387680.3050284,"path":"bots/rebalance.yaml","node":"vm","allocation":"rebalance-083e8f2450b5","run":"rebalance-083e8f2450b5-1","schedule":"* * * * *","timezone":"UTC","next_run":1795387740.0,"memory_limit":100663296,"cpu_limit":250,"account":"","currency":"USDT","observed_generation":6}','{"allocation":"rebalance-083e8f2450b5","spec":"1feaed58b0544f8002f01b68746f0b41d1da8e56db2f3ccfd76da018a2381f30","node":"vm","first_at":1795387680.121324,"last_at":1795387680.302149,"stage":"exited","run":"rebalance-083e8f2450b5-1","ended":"rebalance-083e8f2450b5-1","attempt":1,"reason":"success","message":"traded +0.00 USDT","started_at":1795387680.1318593,"alive_since":null,"restart_in":null,"restarts":0,"crashes":[],"looping":false,"last_error":"","last_outcome":"success","last_ended_at":1795387680.3020592,"superseded":[]}',1795387680.5217571258);
CREATE TABLE revisions (
	id VARCHAR NOT NULL, 
	author TEXT NOT NULL, 
	message TEXT NOT NULL, 
	committed_at FLOAT NOT NULL, 
	branch VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	received_at FLOAT NOT NULL, 
	finished_at FLOAT, 
	"trigger" VARCHAR NOT NULL, 
	requested_by VARCHAR NOT NULL, 
	held TEXT NOT NULL, 
	errors TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO revisions VALUES('d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','herdsman <herdsman@localhost>','Seed from fleet',1795387663.0,'main','','failed',1795387664.308858633,1795387696.5538144111,'start','','','[]');
CREATE TABLE changes (
	revision VARCHAR NOT NULL, 
	bot VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	summary TEXT NOT NULL, 
	state VARCHAR NOT NULL, 
	message TEXT NOT NULL, 
	seconds FLOAT NOT NULL, 
	PRIMARY KEY (revision, bot)
);
INSERT INTO changes VALUES('d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','flaky-doge','create','realtime, 96 MiB','failed','crashed: ConnectionError: connection refused by the market data feed',32.368999999999999773);
INSERT INTO changes VALUES('d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','mm-eth','create','realtime, 96 MiB','healthy','',11.266000000000000013);
INSERT INTO changes VALUES('d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','noisy-xrp','create','realtime, 96 MiB','healthy','',11.265000000000000568);
INSERT INTO changes VALUES('d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','rebalance','create','scheduled * * * * *, 96 MiB','healthy','waits for its next slot',0.96699999999999997069);
INSERT INTO changes VALUES('d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','sma-btc','create','realtime, 96 MiB','healthy','',11.266000000000000013);
INSERT INTO changes VALUES('d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','sma-eth','create','realtime, 96 MiB','healthy','',11.266000000000000013);
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	bot VARCHAR NOT NULL, 
	revision VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	started_at FLOAT NOT NULL, 
	ended_at FLOAT NOT NULL, 
	ok BOOLEAN NOT NULL, 
	message TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO attempts VALUES(1,'noisy-xrp','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','4ddc18b7b3683486c39f097ce7594fe39b18d7c61734745283a4091b4382ebee',1795387664.3348839282,1795387665.0864768028,1,'');
INSERT INTO attempts VALUES(2,'mm-eth','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','f56c063fc59dd6f4e07097ef24f356673952c01c25bded8ee0a328fe3cb72ab2',1795387664.3348560333,1795387665.1020965576,1,'');
INSERT INTO attempts VALUES(3,'rebalance','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','1feaed58b0544f8002f01b68746f0b41d1da8e56db2f3ccfd76da018a2381f30',1795387664.3349120617,1795387665.126851797,1,'');
INSERT INTO attempts VALUES(4,'flaky-doge','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','4398b4a828697f316ff7d7e9c99f416c237125f91220add8d92ad5b8e63f487f',1795387664.33466959,1795387665.1269659995,1,'');
INSERT INTO attempts VALUES(5,'sma-btc','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','df10fa50c3c5be573373df767c02119ea0365316ab41c79210db3fa23b3fb95c',1795387664.3349330425,1795387665.1269974708,1,'');
INSERT INTO attempts VALUES(6,'sma-eth','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096','18f2b3bf2d7e86e85bc8c9c83316e5ea7b8517bfee0b672904e7e6b3e00ab3ff',1795387664.3349506855,1795387665.148610115,1,'');
CREATE TABLE runs (
	bot VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	allocation VARCHAR NOT NULL, 
	node VARCHAR NOT NULL, 
	revision VARCHAR NOT NULL, 
	started_at FLOAT, 
	ended_at FLOAT, 
	outcome VARCHAR NOT NULL, 
	exit_code INTEGER, 
	signal INTEGER, 
	message TEXT NOT NULL, 
	result TEXT NOT NULL, 
	PRIMARY KEY (bot, id)
);
INSERT INTO runs VALUES('sma-eth','sma-eth-c7d190a88329-1','sma-eth-c7d190a88329','vm','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096',1795387665.3089578151,1795387699.1927216052,'stopped',0,NULL,'','null');
INSERT INTO runs VALUES('flaky-doge','flaky-doge-c92c5784abb9-1','flaky-doge-c92c5784abb9','vm','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096',1795387665.2274918556,1795387668.697914362,'crashed',1,NULL,'ConnectionError: connection refused by the market data feed','null');
INSERT INTO runs VALUES('mm-eth','mm-eth-aa1ab72ee3b0-1','mm-eth-aa1ab72ee3b0','vm','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096',1795387665.2440958022,1795387699.1563043593,'stopped',0,NULL,'','null');
INSERT INTO runs VALUES('sma-btc','sma-btc-525430a9f559-1','sma-btc-525430a9f559','vm','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096',1795387665.2936632632,1795387699.1805317401,'stopped',0,NULL,'','null');
INSERT INTO runs VALUES('noisy-xrp','noisy-xrp-bde725dafd0d-1','noisy-xrp-bde725dafd0d','vm','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096',1795387665.2248256206,1795387699.1890969276,'stopped',0,NULL,'','null');
INSERT INTO runs VALUES('flaky-doge','flaky-doge-c92c5784abb9-2','flaky-doge-c92c5784abb9','vm','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096',1795387669.7120430469,1795387672.9318134784,'crashed',1,NULL,'ConnectionError: connection refused by the market data feed','null');
INSERT INTO runs VALUES('flaky-doge','flaky-doge-c92c5784abb9-3','flaky-doge-c92c5784abb9','vm','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096',1795387674.9402089118,1795387678.1262693405,'crashed',1,NULL,'ConnectionError: connection refused by the market data feed','null');
INSERT INTO runs VALUES('rebalance','rebalance-083e8f2450b5-1','rebalance-083e8f2450b5','vm','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096',1795387680.1318593025,1795387680.3020591735,'success',0,NULL,'traded +0.00 USDT','{"status":"success","message":"traded +0.00 USDT","data":{"drift":-0.00122,"traded":0.0}}');
INSERT INTO runs VALUES('flaky-doge','flaky-doge-c92c5784abb9-4','flaky-doge-c92c5784abb9','vm','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096',1795387682.1440556049,1795387685.435447216,'crashed',1,NULL,'ConnectionError: connection refused by the market data feed','null');
INSERT INTO runs VALUES('flaky-doge','flaky-doge-c92c5784abb9-5','flaky-doge-c92c5784abb9','vm','d6991543ce0ba7cbafad62fb8bcc3c7fc2642096',1795387693.4440321922,1795387696.5474102496,'crashed',1,NULL,'ConnectionError: connection refused by the market data feed','null');
CREATE TABLE suspensions (
	bot VARCHAR NOT NULL, 
	"by" VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	since FLOAT NOT NULL, 
	until FLOAT, 
	PRIMARY KEY (bot)
);
CREATE TABLE tokens (
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	scope VARCHAR NOT NULL, 
	hash VARCHAR NOT NULL, 
	created_at FLOAT NOT NULL, 
	expires_at FLOAT, 
	last_used_at FLOAT, 
	revoked_at FLOAT, 
	PRIMARY KEY (id), 
	UNIQUE (hash)
);
INSERT INTO tokens VALUES('e504435bdb80','admin','admin','d345ae70487fbc70e8f3aed7752f325fa36ec7b2c0f010ebaccff093ed441e4f',1795387663.2505066394,NULL,NULL,NULL);
INSERT INTO tokens VALUES('10561f0e56b5','ci','operate','8eb72f4df308ec6cc3b10f2b8cbddf2b5cfe5aa723ae2d92845d2e87d84810d1',1795387698.7388334274,NULL,NULL,NULL);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	who VARCHAR NOT NULL, 
	token VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	why TEXT NOT NULL, 
	details TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO audit VALUES(1,1795387663.2505066394,'herdsman','herdsman','token.create','admin','','{"scope":"admin","id":"e504435bdb80"}');
INSERT INTO audit VALUES(2,1795387698.7388334274,'admin','admin','token.create','ci','','{"scope":"operate","id":"10561f0e56b5"}');
CREATE INDEX revisions_received ON revisions (received_at);
CREATE INDEX attempts_bot ON attempts (bot, id);
CREATE INDEX runs_started ON runs (bot, started_at);
CREATE INDEX audit_at ON audit (at);
COMMIT;
