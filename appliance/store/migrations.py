"""The schema, as dated steps. A step that has been released is never edited.

Times are UTC text (see `times`), telephone numbers E.164, flags 0 or 1, lists of words one text with
blanks between them. A default is that of the config file.
The views at the end are what Asterisk reads by itself (realtime) while Python is away.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("freizeichen")

NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"


def _run(db: Database, script: str) -> None:
    """Run a script of plain statements, each ending in a line that ends with ';'."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if line.endswith(";"):
            db.execute(statement)
            statement = ""
    if statement.strip():
        raise ValueError(f"unfinished statement: {statement!r}")


@migrations()
def m001_office(db: Database) -> None:
    """What the admin sets: the office, its departments, numbers, agents and phones."""
    _run(
        db,
        """
CREATE TABLE office (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  name TEXT NOT NULL,
  language TEXT NOT NULL CHECK (language IN ('de', 'en')),
  country TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT '',
  area_code TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  retention_days INTEGER NOT NULL CHECK (retention_days > 0),
  callback_countries TEXT NOT NULL DEFAULT '',
  callback_confirmation INTEGER NOT NULL DEFAULT 1 CHECK (callback_confirmation IN (0, 1)),
  mailbox TEXT NOT NULL DEFAULT '',
  address_phone TEXT NOT NULL DEFAULT '',
  report_mailbox TEXT NOT NULL DEFAULT '',
  report_weekday TEXT NOT NULL DEFAULT 'mon',
  public_status INTEGER NOT NULL DEFAULT 0 CHECK (public_status IN (0, 1))
) STRICT;
CREATE TABLE mail_server (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  host TEXT NOT NULL,
  port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
  security TEXT NOT NULL CHECK (security IN ('tls', 'starttls', 'none')),
  user TEXT NOT NULL,
  password TEXT NOT NULL,
  sender TEXT NOT NULL
) STRICT;
CREATE TABLE transfer_keys (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  blind TEXT NOT NULL,
  attended TEXT NOT NULL
) STRICT;
CREATE TABLE config_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  saved INTEGER NOT NULL,
  saved_at TEXT NOT NULL,
  in_force_at TEXT NOT NULL,
  refused TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO config_state (id, saved, saved_at, in_force_at) VALUES (1, 0, '', '');
CREATE TABLE departments (
  name TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  language TEXT NOT NULL CHECK (language IN ('de', 'en')),
  mailbox TEXT NOT NULL,
  greeting TEXT NOT NULL,
  menu_prompt TEXT NOT NULL DEFAULT '',
  always_open INTEGER NOT NULL CHECK (always_open IN (0, 1)),
  closed_on_holidays INTEGER NOT NULL DEFAULT 1 CHECK (closed_on_holidays IN (0, 1)),
  ignores_night_switch INTEGER NOT NULL DEFAULT 0 CHECK (ignores_night_switch IN (0, 1)),
  ring_seconds INTEGER NOT NULL CHECK (ring_seconds BETWEEN 3 AND 120),
  wrap_up_seconds INTEGER NOT NULL CHECK (wrap_up_seconds BETWEEN 0 AND 3600),
  message_seconds INTEGER NOT NULL CHECK (message_seconds BETWEEN 10 AND 1800),
  offers_wait INTEGER NOT NULL DEFAULT 1 CHECK (offers_wait IN (0, 1)),
  offers_callback INTEGER NOT NULL DEFAULT 1 CHECK (offers_callback IN (0, 1)),
  offers_message INTEGER NOT NULL DEFAULT 1 CHECK (offers_message IN (0, 1)),
  announce_position INTEGER NOT NULL DEFAULT 1 CHECK (announce_position IN (0, 1)),
  announce_ticket INTEGER NOT NULL DEFAULT 0 CHECK (announce_ticket IN (0, 1)),
  extra_prompts TEXT NOT NULL DEFAULT '',
  promise_minutes INTEGER NOT NULL DEFAULT 5 CHECK (promise_minutes BETWEEN 0 AND 120),
  language_wait_seconds INTEGER NOT NULL DEFAULT 60 CHECK (language_wait_seconds BETWEEN 0 AND 3600),
  ticket_from INTEGER NOT NULL DEFAULT 3 CHECK (ticket_from BETWEEN 0 AND 99),
  ticket_shortest INTEGER NOT NULL DEFAULT 3,
  ticket_longest INTEGER NOT NULL DEFAULT 12,
  ticket_prefixes TEXT NOT NULL DEFAULT '',
  callback_attempts INTEGER NOT NULL DEFAULT 3 CHECK (callback_attempts BETWEEN 1 AND 10),
  extension TEXT NOT NULL DEFAULT '',
  CHECK (offers_callback OR offers_message),
  CHECK (1 <= ticket_shortest AND ticket_shortest <= ticket_longest AND ticket_longest <= 20)
) STRICT;
CREATE TABLE opening_hours (
  department TEXT NOT NULL REFERENCES departments (name) ON DELETE CASCADE,
  weekday INTEGER NOT NULL CHECK (weekday BETWEEN 0 AND 6),
  opens TEXT NOT NULL,
  closes TEXT NOT NULL,
  PRIMARY KEY (department, weekday, opens)
) STRICT;
CREATE TABLE special_days (
  department TEXT NOT NULL REFERENCES departments (name) ON DELETE CASCADE,
  first TEXT NOT NULL,
  last TEXT NOT NULL,
  times TEXT NOT NULL,
  PRIMARY KEY (department, first)
) STRICT;
CREATE TABLE menu (
  department TEXT NOT NULL REFERENCES departments (name) ON DELETE CASCADE,
  key TEXT NOT NULL CHECK (key GLOB '[1-9]'),
  choice TEXT NOT NULL REFERENCES departments (name) ON DELETE CASCADE,
  PRIMARY KEY (department, key)
) STRICT;
CREATE TABLE blocks (
  number TEXT PRIMARY KEY CHECK (number GLOB '+[0-9]*'),
  department TEXT NOT NULL REFERENCES departments (name) ON DELETE CASCADE
) STRICT;
CREATE TABLE phones (
  name TEXT PRIMARY KEY,
  extension TEXT NOT NULL UNIQUE CHECK (extension GLOB '[0-9]*'),
  secret TEXT NOT NULL
) STRICT;
CREATE TABLE card_phones (
  phone TEXT PRIMARY KEY,
  device TEXT NOT NULL CHECK (device GLOB 'DAHDI/*')
) STRICT;
CREATE TABLE agents (
  name TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  phone TEXT NOT NULL UNIQUE REFERENCES phones (name)
) STRICT;
CREATE TABLE numbers (
  number TEXT PRIMARY KEY CHECK (number GLOB '+[0-9]*'),
  department TEXT NOT NULL REFERENCES departments (name) ON DELETE CASCADE,
  agent TEXT REFERENCES agents (name) ON DELETE CASCADE,
  block TEXT REFERENCES blocks (number) ON DELETE CASCADE
) STRICT;
CREATE TABLE dialled_forms (
  dialled TEXT PRIMARY KEY,
  number TEXT NOT NULL REFERENCES numbers (number) ON DELETE CASCADE
) STRICT;
CREATE TABLE serves (
  agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
  department TEXT NOT NULL REFERENCES departments (name) ON DELETE CASCADE,
  PRIMARY KEY (agent, department)
) STRICT;
CREATE TABLE speaks (
  agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
  language TEXT NOT NULL CHECK (language IN ('de', 'en')),
  PRIMARY KEY (agent, language)
) STRICT;
""",
    )


@migrations()
def m001_rotas(db: Database) -> None:
    """The on-call rota of a department: who is rung for which duty, and which duty is on when."""
    _run(
        db,
        """
CREATE TABLE rotas (
  department TEXT PRIMARY KEY REFERENCES departments (name) ON DELETE CASCADE,
  hand_over TEXT NOT NULL,
  weeks TEXT NOT NULL,
  first_week TEXT NOT NULL,
  ring_seconds INTEGER NOT NULL CHECK (ring_seconds BETWEEN 5 AND 120),
  department_prompt TEXT NOT NULL
) STRICT;
CREATE TABLE duty_phones (
  department TEXT NOT NULL REFERENCES rotas (department) ON DELETE CASCADE,
  duty TEXT NOT NULL,
  place INTEGER NOT NULL CHECK (place >= 1),
  agent TEXT REFERENCES agents (name) ON DELETE CASCADE,
  number TEXT CHECK (number GLOB '+[0-9]*'),
  digits TEXT NOT NULL DEFAULT '' CHECK (digits NOT GLOB '*[^0-9]*'),
  PRIMARY KEY (department, duty, place),
  CHECK ((agent IS NULL) <> (number IS NULL))
) STRICT;
CREATE TABLE duty_weekdays (
  department TEXT NOT NULL REFERENCES rotas (department) ON DELETE CASCADE,
  weekday INTEGER NOT NULL CHECK (weekday BETWEEN 0 AND 6),
  duty TEXT NOT NULL,
  PRIMARY KEY (department, weekday)
) STRICT;
CREATE TABLE duty_dates (
  department TEXT NOT NULL REFERENCES rotas (department) ON DELETE CASCADE,
  first TEXT NOT NULL,
  last TEXT NOT NULL,
  duty TEXT NOT NULL,
  PRIMARY KEY (department, first)
) STRICT;
CREATE TABLE duty_schedule (
  department TEXT NOT NULL REFERENCES rotas (department) ON DELETE CASCADE,
  at TEXT NOT NULL,
  duty TEXT NOT NULL,
  PRIMARY KEY (department, at)
) STRICT;
""",
    )


@migrations()
def m002_state(db: Database) -> None:
    """What people and the day change: presence, night mode, opening, panel, desk boxes."""
    _run(
        db,
        f"""
CREATE TABLE presence (
  agent TEXT PRIMARY KEY REFERENCES agents (name) ON DELETE CASCADE,
  state TEXT NOT NULL CHECK (state IN ('available', 'away', 'offline')),
  reason TEXT NOT NULL DEFAULT '',
  since TEXT NOT NULL DEFAULT ({NOW}),
  wrap_up_until TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TRIGGER presence_by_phone_code AFTER UPDATE OF state ON presence
  WHEN NEW.since = OLD.since AND NEW.reason = OLD.reason BEGIN
    UPDATE presence SET since = {NOW}, reason = 'phone code', wrap_up_until = '' WHERE agent = NEW.agent; END;
CREATE TABLE night_switch (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  mode TEXT NOT NULL CHECK (mode IN ('auto', 'day', 'night')),
  since TEXT NOT NULL,
  changed_by TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO night_switch (id, mode, since) VALUES (1, 'auto', {NOW});
CREATE TABLE changes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL DEFAULT ({NOW}),
  who TEXT NOT NULL DEFAULT '',
  how TEXT NOT NULL CHECK (how IN ('page', 'command', 'phone', 'panel', 'box')),
  subject TEXT NOT NULL,
  differences TEXT NOT NULL,
  reference INTEGER NOT NULL DEFAULT 0,
  undoes INTEGER REFERENCES changes (id) ON DELETE SET NULL
) STRICT;
CREATE INDEX changes_by_subject ON changes (subject, id);
CREATE INDEX changes_undone ON changes (undoes) WHERE undoes NOT NULL;
CREATE TRIGGER night_switch_by_phone_code AFTER UPDATE OF mode ON night_switch
  WHEN NEW.mode <> OLD.mode AND NEW.since = OLD.since AND NEW.changed_by = OLD.changed_by BEGIN
    INSERT INTO changes (how, subject, differences) VALUES ('phone', 'night',
      json_array(json_array(json_array('night'), OLD.mode, NEW.mode))); UPDATE night_switch
    SET since = {NOW}, changed_by = 'phone'; END;
CREATE TRIGGER night_switch_by_that_phone AFTER UPDATE OF changed_by ON night_switch
  WHEN OLD.changed_by = 'phone' AND NEW.changed_by LIKE 'phone %' BEGIN
    UPDATE changes SET who = substr(NEW.changed_by, 7)
    WHERE id = (SELECT max(id) FROM changes WHERE subject = 'night') AND how = 'phone'; END;
CREATE TABLE schedule (
  department TEXT NOT NULL REFERENCES departments (name) ON DELETE CASCADE,
  at TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
  reopening TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (department, at)
) STRICT;
CREATE TABLE lamps (
  name TEXT PRIMARY KEY,
  pattern TEXT NOT NULL,
  changed_at TEXT NOT NULL
) STRICT;
CREATE TABLE line_states (
  line TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  channels INTEGER NOT NULL,
  busy INTEGER NOT NULL,
  free INTEGER NOT NULL,
  trouble TEXT NOT NULL CHECK (trouble IN
    ('', 'card missing', 'not taken over', 'no signal', 'no link', 'partly without signal', 'channel stuck',
     'unreachable', 'unknown')),
  since TEXT NOT NULL
) STRICT;
CREATE TABLE presses (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  button TEXT NOT NULL,
  press TEXT NOT NULL CHECK (press IN ('short', 'long', 'not now')),
  at TEXT NOT NULL DEFAULT ({NOW})
) STRICT;
CREATE TABLE boxes (
  serial TEXT PRIMARY KEY,
  agent TEXT NOT NULL DEFAULT '',
  sound INTEGER NOT NULL DEFAULT 1 CHECK (sound IN (0, 1)),
  port TEXT NOT NULL,
  firmware TEXT NOT NULL,
  seen_at TEXT NOT NULL,
  boot INTEGER NOT NULL DEFAULT 0,
  taken INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE pairing (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  agent TEXT NOT NULL,
  until TEXT NOT NULL
) STRICT;
""",
    )


@migrations()
def m003_calls(db: Database) -> None:
    """What happened: calls, their steps and outcomes, voice messages and their mails."""
    _run(
        db,
        f"""
CREATE TABLE calls (
  call TEXT PRIMARY KEY,
  dialled TEXT NOT NULL,
  number TEXT NOT NULL DEFAULT '',
  department TEXT NOT NULL DEFAULT '',
  caller TEXT NOT NULL DEFAULT '',
  caller_name TEXT NOT NULL DEFAULT '',
  language TEXT NOT NULL DEFAULT '',
  ticket TEXT NOT NULL DEFAULT '',
  started_at TEXT NOT NULL,
  waits_since TEXT NOT NULL DEFAULT '',
  connected_at TEXT NOT NULL DEFAULT '',
  ended_at TEXT NOT NULL DEFAULT '',
  agent TEXT NOT NULL DEFAULT '',
  callback INTEGER REFERENCES callbacks (id),
  outcome TEXT NOT NULL DEFAULT '' CHECK (outcome IN
    ('', 'talked', 'called back', 'not reached', 'called again', 'callback cancelled',
     'message', 'hung up', 'told closed', 'told unassigned'))
) STRICT;
CREATE INDEX calls_open ON calls (call) WHERE outcome = '';
CREATE INDEX calls_by_caller ON calls (caller, started_at);
CREATE INDEX calls_by_department ON calls (department, started_at);
CREATE INDEX calls_by_callback ON calls (callback) WHERE callback NOT NULL;
CREATE TABLE callbacks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  call TEXT NOT NULL,
  department TEXT NOT NULL,
  language TEXT NOT NULL,
  number TEXT NOT NULL CHECK (number GLOB '+[0-9]*'),
  name TEXT NOT NULL,
  ticket TEXT NOT NULL,
  arrived TEXT NOT NULL,
  created_at TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN
    ('waiting', 'calling', 'reached', 'not reached', 'called again', 'cancelled')),
  attempt TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT '',
  closed_at TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX callbacks_one_each ON callbacks (number, department) WHERE closed_at = '';
CREATE TABLE steps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  call TEXT NOT NULL,
  at TEXT NOT NULL DEFAULT ({NOW}),
  step TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX steps_call ON steps (call, id);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  call TEXT NOT NULL,
  department TEXT NOT NULL,
  caller TEXT NOT NULL,
  caller_name TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  seconds REAL NOT NULL,
  sound TEXT NOT NULL,
  UNIQUE (call, sound)
) STRICT;
CREATE TABLE night_reminders (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  mode TEXT NOT NULL CHECK (mode IN ('day', 'night')),
  since TEXT NOT NULL UNIQUE,
  missed_at TEXT NOT NULL,
  noticed_at TEXT NOT NULL
) STRICT;
CREATE TABLE line_alarms (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  line TEXT NOT NULL,
  trouble TEXT NOT NULL,
  since TEXT NOT NULL,
  noticed_at TEXT NOT NULL,
  UNIQUE (line, since)
) STRICT;
CREATE TABLE weekly_reports (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  last_day TEXT NOT NULL UNIQUE,
  noticed_at TEXT NOT NULL
) STRICT;
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  message INTEGER UNIQUE REFERENCES messages (id),
  callback INTEGER UNIQUE REFERENCES callbacks (id),
  night_reminder INTEGER UNIQUE REFERENCES night_reminders (id),
  weekly_report INTEGER UNIQUE REFERENCES weekly_reports (id),
  line_alarm INTEGER UNIQUE REFERENCES line_alarms (id),
  message_id TEXT NOT NULL UNIQUE,
  recipient TEXT NOT NULL,
  language TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT ({NOW}),
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at TEXT NOT NULL DEFAULT ({NOW}),
  last_error TEXT NOT NULL DEFAULT '',
  delivered_at TEXT NOT NULL DEFAULT '',
  CHECK ((message IS NOT NULL) + (callback IS NOT NULL) + (night_reminder IS NOT NULL)
    + (weekly_report IS NOT NULL) + (line_alarm IS NOT NULL) = 1)
) STRICT;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE delivered_at = '';
CREATE TABLE cursors (
  name TEXT PRIMARY KEY,
  position TEXT NOT NULL
) STRICT;
""",
    )


@migrations()
def m004_floor(db: Database) -> None:
    """The views Asterisk reads by itself (realtime): they hold while Python is away."""
    _run(
        db,
        f"""
CREATE VIEW opening AS
  SELECT d.name AS department,
    CASE WHEN n.mode = 'night' AND d.ignores_night_switch = 0 THEN 'closed'
         WHEN n.mode = 'day' AND d.ignores_night_switch = 0 THEN 'open'
         WHEN d.always_open = 1 THEN 'open'
         ELSE coalesce((SELECT s.state FROM schedule AS s
                        WHERE s.department = d.name AND s.at <= {NOW}
                        ORDER BY s.at DESC LIMIT 1), 'open')
    END AS state,
    CASE WHEN n.mode = 'auto' OR d.ignores_night_switch = 1
         THEN coalesce((SELECT s.reopening FROM schedule AS s
                        WHERE s.department = d.name AND s.at <= {NOW} ORDER BY s.at DESC LIMIT 1), '')
         ELSE '' END AS reopening
  FROM departments AS d, night_switch AS n;
CREATE VIEW destinations AS
  SELECT f.dialled, n.number, n.department, coalesce(n.agent, '') AS agent
  FROM dialled_forms AS f JOIN numbers AS n ON n.number = f.number;
CREATE VIEW block_destinations AS
  SELECT f.dialled, b.department
  FROM dialled_forms AS f JOIN blocks AS b ON b.number = f.number;
CREATE VIEW floor AS
  SELECT d.name AS department, d.title, d.language, d.greeting, d.ring_seconds,
    d.message_seconds, o.state AS opening, o.reopening,
    coalesce((SELECT group_concat(m.key, '') FROM menu AS m WHERE m.department = d.name), '') AS menu,
    (SELECT count(*) FROM queue_members AS m WHERE m.queue_name = d.name) AS present
  FROM departments AS d JOIN opening AS o ON o.department = d.name;
CREATE VIEW menu_choices AS
  SELECT m.department || '/' || m.key AS choice, m.choice AS department, d.language,
    CASE d.menu_prompt WHEN '' THEN 'menu-' || d.name ELSE d.menu_prompt END AS menu_prompt
  FROM menu AS m JOIN departments AS d ON d.name = m.choice;
CREATE VIEW serving AS
  SELECT agent, department FROM serves
  UNION SELECT a.name, m.department FROM agents AS a, menu AS m;
CREATE VIEW devices AS
  SELECT t.name AS phone, coalesce(c.device, 'PJSIP/' || t.name) AS device
  FROM phones AS t LEFT JOIN card_phones AS c ON c.phone = t.name;
CREATE VIEW queue_members AS
  SELECT s.department AS queue_name, d.device AS interface,
    a.name AS membername, s.department || '/' || a.name AS uniqueid,
    0 AS penalty, p.wrap_up_until > {NOW} AS paused, '' AS reason_paused, '' AS state_interface,
    'no' AS ringinuse
  FROM serving AS s
  JOIN agents AS a ON a.name = s.agent
  JOIN devices AS d ON d.phone = a.phone
  JOIN presence AS p ON p.agent = a.name
  WHERE p.state = 'available';
CREATE TRIGGER away_when_not_answered INSTEAD OF UPDATE OF paused ON queue_members
  WHEN CAST(NEW.paused AS INTEGER) = 1 BEGIN
    UPDATE presence SET state = 'away', reason = 'no answer', since = {NOW}, wrap_up_until = ''
    WHERE agent = OLD.membername; END;
CREATE VIEW queues AS
  SELECT name, 'leastrecent' AS strategy, ring_seconds AS timeout, 1 AS retry,
    wrap_up_seconds AS wrapuptime, 'no' AS ringinuse, 'yes' AS autofill,
    'default' AS musiconhold, 'floor-keys' AS context,
    'invalid,unavailable' AS joinempty, 'invalid,unavailable' AS leavewhenempty,
    'yes' AS timeoutrestart, 0 AS "announce-frequency",
    'yes' AS autopause  -- whoever does not answer is set to away: away_when_not_answered
  FROM departments;
CREATE VIEW on_duty AS
  SELECT r.department, coalesce((SELECT s.duty FROM duty_schedule AS s
                                 WHERE s.department = r.department AND s.at <= {NOW}
                                 ORDER BY s.at DESC LIMIT 1), '') AS duty
  FROM rotas AS r;
CREATE VIEW on_call AS
  SELECT d.department || '/' || p.place AS entry, p.place, d.department, d.duty,
    coalesce(p.agent, p.number) AS name, coalesce(t.device, '') AS device, coalesce(p.number, '') AS number,
    p.digits, r.ring_seconds, r.department_prompt,
    coalesce(
      (SELECT min(number) FROM numbers WHERE department = d.department AND agent IS NULL AND block IS NULL),
      (SELECT min(number) FROM numbers WHERE department = d.department AND agent IS NULL),
      (SELECT min(number) FROM numbers WHERE agent IS NULL), '') AS shown_number
  FROM on_duty AS d
  JOIN rotas AS r ON r.department = d.department
  JOIN duty_phones AS p ON p.department = d.department AND p.duty = d.duty
  LEFT JOIN agents AS a ON a.name = p.agent LEFT JOIN devices AS t ON t.phone = a.phone;
CREATE VIEW phone_owners AS
  SELECT d.device, a.name AS agent FROM agents AS a JOIN devices AS d ON d.phone = a.phone;
CREATE VIEW extensions AS
  SELECT t.extension, d.device, coalesce(a.name, '') AS agent,
    coalesce(p.state, '') AS presence, '' AS department
  FROM phones AS t JOIN devices AS d ON d.phone = t.name
  LEFT JOIN agents AS a ON a.phone = t.name LEFT JOIN presence AS p ON p.agent = a.name
  UNION ALL SELECT extension, '', '', '', name FROM departments WHERE extension <> '';
CREATE VIEW ringable AS
  SELECT a.name AS agent, d.device FROM agents AS a JOIN devices AS d ON d.phone = a.phone
  JOIN presence AS p ON p.agent = a.name WHERE p.state = 'available' AND p.wrap_up_until <= {NOW};
""",
    )


@migrations()
def m005_page(db: Database) -> None:
    """The office's page: who may sign in, who deals with what in the inbox, the office's own prompts.

    Secrets (passwords, sessions, links) are kept as digests. What the inbox knows of a message, a call
    or a callback goes together with it, whoever deletes that.
    """
    _run(
        db,
        f"""
CREATE TABLE users (
  name TEXT PRIMARY KEY COLLATE NOCASE,
  role TEXT NOT NULL CHECK (role IN ('admin', 'agent')),
  agent TEXT NOT NULL DEFAULT '',
  password TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE sessions (
  digest TEXT PRIMARY KEY,
  user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE ON UPDATE CASCADE,
  began_at TEXT NOT NULL,
  seen_at TEXT NOT NULL
) STRICT;
CREATE TABLE links (
  digest TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('sign in', 'first start', 'wall', 'phone')),
  user TEXT NOT NULL DEFAULT '',
  expires_at TEXT NOT NULL
) STRICT;
CREATE TABLE failed_sign_ins (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  address TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE TABLE inbox (
  subject TEXT PRIMARY KEY,
  taken_by TEXT NOT NULL DEFAULT '',
  done_by TEXT NOT NULL DEFAULT '',
  done_at TEXT NOT NULL DEFAULT '',
  note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE acts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL DEFAULT ({NOW}),
  who TEXT NOT NULL,
  what TEXT NOT NULL,
  subject TEXT NOT NULL
) STRICT;
CREATE INDEX acts_by_subject ON acts (subject, id);
CREATE TRIGGER message_forgotten AFTER DELETE ON messages BEGIN
    DELETE FROM inbox WHERE subject = 'message:' || OLD.id; DELETE FROM acts
    WHERE subject = 'message:' || OLD.id; END;
CREATE TRIGGER call_forgotten AFTER DELETE ON calls BEGIN
    DELETE FROM inbox WHERE subject = 'missed:' || OLD.call; DELETE FROM acts
    WHERE subject = 'missed:' || OLD.call; END;
CREATE TRIGGER callback_forgotten AFTER DELETE ON callbacks BEGIN
    DELETE FROM inbox WHERE subject = 'callback:' || OLD.id; DELETE FROM acts
    WHERE subject = 'callback:' || OLD.id; END;
CREATE TABLE wishes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN
    ('restart', 'test mail', 'restore', 'forget number', 'factory reset', 'record prompt')),
  detail TEXT NOT NULL,
  who TEXT NOT NULL,
  how TEXT NOT NULL,
  asked_at TEXT NOT NULL,
  answer TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE own_prompts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  prompt TEXT NOT NULL,
  language TEXT NOT NULL CHECK (language IN ('de', 'en', 'music')),
  sound BLOB,
  text TEXT NOT NULL DEFAULT '',
  set_by TEXT NOT NULL,
  set_at TEXT NOT NULL,
  in_force_at TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX own_prompts_newest ON own_prompts (prompt, language, id);
CREATE VIEW own_words AS
  SELECT a.name || '/' || o.language AS entry, o.prompt
  FROM agents AS a JOIN own_prompts AS o ON o.prompt = 'agent-not-free-' || a.name
  WHERE o.sound NOT NULL AND o.id = (
    SELECT max(n.id) FROM own_prompts AS n
    WHERE n.prompt = o.prompt AND n.language = o.language AND n.in_force_at <> '');
CREATE TABLE attention (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  german TEXT NOT NULL,
  english TEXT NOT NULL
) STRICT;
CREATE INDEX calls_by_start ON calls (started_at);
CREATE TABLE page (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  secret TEXT NOT NULL
) STRICT;
""",
    )
