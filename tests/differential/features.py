"""The features of segment.profile against formulas.py, to 1e-9, at several clocks.

    features.py generated               histories with every type, late, changed and deleted events
    features.py tiers                   the engagement tiers, from the features
    features.py cdnow FILE              the purchases of CDNOW

Every value must lie in the range that docs/features.md states for it, whose tables must list exactly the features that there are;
of somebody without events each must be what stands there. Runs psql, which finds the server by the usual environment. Prints a line per comparison and every difference; ends with status 1
if there was one.
"""

import csv
import gzip
import io
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import pandas as pd

from formulas import CREATED, FAMILIES, compute

TYPES = ["email_open", "email_click", "website_visit", "product_view", "cart_add", "cart_abandon", "purchase", "download", "form_submit",
         "social_share", "sent", "delivered", "bounce", "unsubscribe", "forward", "reply", "complaint"]
TEXTS = {"<type>": TYPES, "<category>": ["shoes", "hats", "coats", "none"], "<channel>": ["email", "web", "sms"], "<campaign>": ["spring", "autumn"],
         "<weekday>": [str(day) for day in range(1, 8)], "<month>": [str(month) for month in range(1, 13)]}
TOLERANCE = 1e-9
failed = False


def psql(sql, stdin=None):
    done = subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql], input=stdin, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{sql[:500]}\n{done.stderr}")
    return done.stdout


def set_clock(now):
    psql(f"ALTER DATABASE CURRENT_CATALOG_NAME SET pg_segment.clock = '{now.isoformat()}'".replace("CURRENT_CATALOG_NAME", DATABASE))


DATABASE = psql("SELECT quote_ident(current_database())").strip()


def features_there_are(families):
    """Every ready feature is kept; of the families one for each text."""
    listed = [line.split("|") for line in psql("SELECT name, origin FROM segment.feature_list").splitlines()]
    builtin = [name for name, origin in listed if origin == "built in"]
    ready = [name for name, origin in listed if origin == "ready" and "<" not in name]
    if families:
        patterns = [name for name, _ in listed if "<" in name]
        expected = sorted(prefix for prefix in FAMILIES)
        assert sorted(name[:name.index("<")] for name in patterns) == expected, (patterns, expected)
        for pattern in patterns:
            placeholder = pattern[pattern.index("<"):]
            ready += [pattern.replace(placeholder, text) for text in TEXTS[placeholder]]
    psql(f"SELECT segment.create_feature(name) FROM json_array_elements_text('{json.dumps(ready)}') name")
    return builtin + ready


class Documented:
    """What the tables of docs/features.md say of each feature: its range, and its value without events."""

    def __init__(self):
        self.range, self.without = {}, {}
        text = (pathlib.Path(__file__).parents[2] / "docs" / "features.md").read_text()
        for table in re.findall(r"\| name \| formula \| unit \| range \| without events \| source \|\n.*\n((?:\|.*\n)+)", text):
            for line in table.splitlines():
                names, formula, unit, ranges, without, source = (cell.strip() for cell in line.strip("|").split(" | "))
                names = re.findall(r"`([^`]+)`", names)
                assert formula and unit and re.fullmatch(r"[A-G]\d", source), line
                ranges = [ranges] if unit == "flag" else ranges.split(", ")
                without = re.sub(", also .*", "", without).split(", ")
                for place, name in enumerate(names):
                    self.range[name] = self.bounds(ranges[place if len(ranges) > 1 else 0])
                    value = without[place if len(without) > 1 else 0]
                    self.without[name] = np.nan if value == "missing" else float(value)

    @staticmethod
    def bounds(text):
        if text == "any":
            return -np.inf, np.inf
        if text == "0, 1":
            return 0.0, 1.0
        least, most = re.fullmatch(r"(-?[\d.]+)(?: \(Monday\))? (?:and more|to ([\d.]+))", text).groups()
        return float(least), np.inf if most is None else float(most)

    def of(self, stated, name):
        """By the pattern where the feature is one of those for each text."""
        if name in stated:
            return stated[name]
        return stated[max((key for key in stated if "<" in key and name.startswith(key[:key.index("<")])), key=len)]


def random_spec(random, depth=2):
    """A definition of a score with everything that may be combined in one."""
    def one_of(options):
        return options[random.integers(len(options))]

    def events():
        spec = {"event": one_of(TYPES + ["*", "*"])}
        if random.random() < 0.3:
            spec["where"] = {one_of(["category"]): {"equals": one_of(["shoes", "hats"])}}
        return spec

    def number(depth):
        kind = random.random()
        if depth > 0 and kind < 0.15:
            return random_spec(random, depth - 1)
        if depth > 0 and kind < 0.25:
            return {"divide": [number(0), number(0)]}
        if depth > 0 and kind < 0.35:
            return {"multiply": [number(0), float(one_of([0.5, 2, -1]))]}
        if kind < 0.45:
            return one_of(["engagement_score", "open_rate_30d", "total_events_7d", "email_engagement", "days_since_last", "recency"])
        spec = events()
        if random.random() < 0.3:
            spec["sum"] = "value"
        if random.random() < 0.4:
            spec["half_life"] = one_of(["36 hours", "7 days", "45 days"])
            if "sum" not in spec and random.random() < 0.6:
                spec["cap"] = {"most": int(one_of([1, 2, 3])), "per": one_of(["1 hour", "1 day"])}
        elif random.random() < 0.6:
            spec["within"] = one_of(["2 days", "7 days", "30 days", "90 days"])
        return spec

    def term():
        if random.random() < 0.25:
            found = {"when": {**events(), "within": "30 days"}, "points": int(one_of([-5, 2, 10]))}
        else:
            found = {"of": number(depth)}
            for key, options in (("scale", [0.1, -2, 3]), ("offset", [1, -0.5]), ("floor", [-3, 0]), ("cap", [1, 4, 50]), ("weight", [0.25, 2, -1])):
                if random.random() < 0.4:
                    found[key] = one_of(options)
        if random.random() < 0.4:
            found["group"] = one_of(["a", "b"])
        return found

    spec = {"terms": [term() for _ in range(random.integers(1, 5))]}
    if random.random() < 0.5:
        spec["clamp"] = [-10, 40]
    bounds = {"a": [0, 5], "b": [-20, 10]}
    groups = {found["group"]: bounds[found["group"]] for found in spec["terms"] if "group" in found}
    return {**spec, "groups": groups} if groups else spec


def create_random_scores(random, how_many):
    for number in range(how_many):
        CREATED[f"made_{number}"] = random_spec(random)
    psql("".join(f"SELECT segment.create_score('{name}', '{json.dumps(spec)}');" for name, spec in CREATED.items()))
    return list(CREATED)


def check_documented(listed, names):
    """The tables list what there is, and are right about somebody without events."""
    assert set(DOCUMENTED.range) == listed, set(DOCUMENTED.range) ^ listed
    psql("SELECT segment.upsert_profile('nobody', traits => '{}')")
    row = json.loads(psql("SELECT to_jsonb(p) - 'features' || coalesce(features, '{}') FROM segment.profile p WHERE subscriber = 'nobody'"))
    for name in names:
        stated, actual = DOCUMENTED.of(DOCUMENTED.without, name), row[name]
        actual = np.nan if actual is None else float(actual)
        assert stated == actual or (np.isnan(stated) and np.isnan(actual)), f"{name} without events is {actual}, not {stated}"
    psql("SELECT segment.forget('nobody')")
    print(f"docs/features.md: {len(listed)} rows, and {len(names)} features of somebody without events")


DOCUMENTED = Documented()


def compare_tiers(now):
    """The engagement tiers, from the features by the table in docs/features.md: of everybody, the first rule that is met."""
    global failed
    set_clock(now)
    rows = [json.loads(line) for line in psql("SELECT to_jsonb(p) - 'features' FROM segment.profile p").splitlines()]
    wrong, seen = [], set()
    for row in rows:
        score, opens, clicks = (float(row[name]) for name in ("engagement_score", "open_rate_30d", "click_rate_30d"))
        churn = row["churn_probability"]
        at_most = lambda bound: churn is None or churn <= bound
        at_least = lambda bound: churn is not None and churn >= bound
        silent, first = row["days_since_last"], pd.Timestamp(row["first_event_at"])
        rules = [
            ("champions", score >= 0.9 and row["lifetime_value"] >= 500 and row["purchase_frequency"] >= 0.1),
            ("potential_churners", at_least(0.8) and row["total_events_7d"] <= 1),
            ("at_risk", at_least(0.7) and score <= 0.2 and silent >= 30),
            ("highly_engaged", score >= 0.8 and opens >= 0.4 and clicks >= 0.1 and at_most(0.2)),
            ("engaged", score >= 0.6 and opens >= 0.25 and clicks >= 0.05 and at_most(0.4)),
            ("moderate", score >= 0.3 and opens >= 0.1 and clicks >= 0.02 and at_most(0.6)),
            ("low_engaged", score >= 0.1 and opens >= 0.05 and at_most(0.8)),
            ("new", first.floor("min") > now.floor("min") - pd.Timedelta(days=7)),
            ("highly_engaged", score > 0.8), ("engaged", score > 0.6), ("moderate", score > 0.3), ("low_engaged", score > 0.1), ("at_risk", True)]
        tier = next(name for name, met in rules if met)
        seen.add(tier)
        if row["tier"] != tier:
            wrong.append((row["subscriber"], row["tier"], tier))
    print(f"engagement tiers at {now}: {len(rows)} subscribers in {len(seen)} tiers ({', '.join(sorted(seen))}), {len(wrong)} differences {wrong[:3]}")
    failed |= bool(wrong)


def tiers():
    """Subscribers of every kind: from those who do nothing but open, click and buy to those who did something once."""
    random = np.random.default_rng(5)
    now = pd.Timestamp("2026-06-01 10:17:03+00:00")
    set_clock(now)
    frames = []
    for who in range(400):
        active, many = random.choice([3, 20, 60, 120]), int(random.choice([1, 4, 15, 60]))
        frame = generate(random, 1, now - active * pd.Timedelta(days=1), now, 0, many)
        frame["type"] = random.choice(["email_open", "email_click", "purchase", "website_visit"], many, p=random.dirichlet([0.6] * 4))
        frames.append(frame.assign(subscriber=f"t{who}", value=frame.value.abs()))
    events = pd.concat(frames, ignore_index=True)
    load(events.assign(id=np.arange(len(events)) + 100_000))
    psql("SELECT segment.set_predictions('churn', array_agg('t' || n), array_agg(n % 11 / 10.0)) FROM generate_series(0, 399, 2) n")
    psql("SELECT segment.create_engagement_tiers()")
    for length in (0, 9, 25):
        compare_tiers(now + length * pd.Timedelta(days=1))
    psql("CALL segment.refresh()")
    compare_tiers(now + pd.Timedelta(days=25))


def load(events):
    text = io.StringIO()
    columns = ["id", "subscriber", "type", "at", "value", "properties"]
    rows = events.assign(at=events["at"].map(lambda at: at.isoformat()), properties=properties(events))
    rows[columns].to_csv(text, index=False, header=False, quoting=csv.QUOTE_MINIMAL)
    psql("COPY app.event FROM STDIN (FORMAT csv)", text.getvalue())


def properties(events):
    kept = events[["category", "channel", "campaign"]].to_dict("records")
    return [json.dumps({key: value for key, value in row.items() if isinstance(value, str)}) for row in kept]


def compare(label, events, now, names):
    global failed
    set_clock(now)
    rows = [json.loads(line) for line in psql("SELECT to_jsonb(p) - 'features' || coalesce(features, '{}') FROM segment.profile p").splitlines()]
    actual = pd.DataFrame(rows).set_index("subscriber").reindex(columns=names).astype(float).sort_index()
    expected = compute(events, now, names).sort_index()
    assert list(actual.index) == list(expected.index), "not the same subscribers"
    # Where a tie is rounded either way, that is 1e-9 and what a float of the size leaves open.
    near = (actual - expected).abs() <= TOLERANCE + 1e-12 * expected.abs()
    wrong = ~(near | (actual.isna() & expected.isna()))
    print(f"{label} at {now}: {len(names)} features of {len(actual)} subscribers, {int(wrong.sum().sum())} differences")
    for name in wrong.columns[wrong.any()]:
        who = wrong.index[wrong[name]][0]
        print(f"  {name}: {int(wrong[name].sum())}; of {who} {actual.loc[who, name]!r} instead of {expected.loc[who, name]!r}")
    failed |= bool(wrong.any().any())
    for name in names:
        least, most = (-np.inf, np.inf) if name in CREATED else DOCUMENTED.of(DOCUMENTED.range, name)
        outside = actual[name][(actual[name] < least) | (actual[name] > most)]
        if len(outside):
            print(f"  {name}: {len(outside)} outside {least} to {most}, such as {outside.iloc[0]}")
            failed = True


def generate(random, subscribers, start, end, first_id, how_many):
    def pick(options, size, none=0.0):
        chosen = random.choice(np.array(options, dtype=object), size)
        return np.where(random.random(size) < none, None, chosen)

    # Some at full hours, so that several fall together and windows end on them.
    micros = random.integers(0, int((end - start).total_seconds() * 1e6), how_many)
    micros = np.where(random.random(how_many) < 0.2, micros // 3_600_000_000 * 3_600_000_000, micros)
    # Bursts of activity, for streaks and bounds per day.
    micros = np.where(random.random(how_many) < 0.3, micros // 86_400_000_000 * 86_400_000_000 + micros % 7_200_000_000, micros)
    return pd.DataFrame({
        "id": np.arange(first_id, first_id + how_many),
        "subscriber": [f"s{n}" for n in random.integers(0, subscribers, how_many)],
        "type": pick(TYPES, how_many),
        "at": pd.to_datetime(start) + pd.to_timedelta(micros, unit="us"),
        "value": np.where(random.random(how_many) < 0.6, random.integers(-500, 20_000, how_many) / 100, np.nan),
        "category": pick(["shoes", "hats", "coats"], how_many, 0.3),
        "channel": pick(["email", "web", "sms"], how_many, 0.3),
        "campaign": pick(["spring", "autumn"], how_many, 0.3),
    })


def generated():
    random = np.random.default_rng(20260601)
    now = pd.Timestamp("2026-06-01 10:17:03.25+00:00")
    listed = set(psql("SELECT name FROM segment.feature_list").split())
    names = features_there_are(families=True)
    set_clock(now)
    check_documented(listed, names)
    names += create_random_scores(random, 40)
    day = pd.Timedelta(days=1)
    events = generate(random, 60, now - 400 * day, now + 20 * day, 1, 2_400)
    # The recent weeks more densely.
    events = pd.concat([events, generate(random, 60, now - 40 * day, now, 10_000, 1_600)], ignore_index=True)
    load(events)
    compare("loaded", events, now, names)
    # Late ones, and such as go or change: in one transaction each.
    late = generate(random, 60, now - 300 * day, now, 20_000, 300)
    load(late)
    events = pd.concat([events, late], ignore_index=True)
    compare("with late events", events, now, names)
    gone = events.id[random.random(len(events)) < 0.1]
    psql(f"DELETE FROM app.event WHERE id = ANY ('{{{','.join(map(str, gone))}}}')")
    events = events[~events.id.isin(gone)].reset_index(drop=True)
    moved = events.id[random.random(len(events)) < 0.05]
    psql(f"UPDATE app.event SET at = at - interval '3 days 5 hours', value = value + 1 WHERE id = ANY ('{{{','.join(map(str, moved))}}}')")
    chosen = events.id.isin(moved)
    events.loc[chosen, "at"] -= pd.Timedelta(days=3, hours=5)
    events.loc[chosen, "value"] += 1
    compare("with deleted and changed events", events, now, names)
    for length in (day / 3, 6 * day, 45 * day):
        now += length
        compare("time goes on", events, now, names)
    psql("CALL segment.refresh()")
    compare("refreshed", events, now, names)
    # One by one, at its time and late, against what lies in parts.
    more = generate(random, 60, now - 30 * day, now + 2 * day, 30_000, 120)
    for _, row in more.groupby(np.arange(len(more)) // 10):
        load(row)
    events = pd.concat([events, more], ignore_index=True)
    compare("one after the other", events, now + day, names)
    psql("CALL segment.rebuild()")
    compare("rebuilt", events, now + day, names)


def cdnow(path):
    with gzip.open(path, "rt") as file:
        bought = pd.read_csv(file, dtype={"customer_id": str})
    events = pd.DataFrame({
        "id": np.arange(len(bought)), "subscriber": bought.customer_id, "type": "purchase",
        "at": pd.to_datetime(bought.date, utc=True).astype("datetime64[us, UTC]"), "value": bought.dollar_value,
        "category": None, "channel": None, "campaign": None,
    })
    names = features_there_are(families=False)
    set_clock(pd.Timestamp("1998-01-01 00:00+00:00"))
    load(events)
    for now in ("1998-01-01 00:00+00:00", "1998-03-15 07:30+00:00", "1998-07-01 00:00+00:00"):
        compare("CDNOW", events, pd.Timestamp(now), names)


psql("""CREATE EXTENSION pg_segment;
CREATE SCHEMA app;
CREATE TABLE app.event (id bigint PRIMARY KEY, subscriber text, type text, at timestamptz, value numeric, properties jsonb);
CREATE INDEX ON app.event (subscriber, at);
SELECT segment.attach_source('app.event', subscriber => 'subscriber', occurred_at => 'at', event_type => 'type', value => 'value', properties => 'properties')""")
if sys.argv[1] == "generated":
    generated()
elif sys.argv[1] == "tiers":
    tiers()
else:
    cdnow(sys.argv[2])
if psql("SELECT finding FROM segment.verify()").strip():
    failed = True
    print("verify found differences")
sys.exit(failed)
