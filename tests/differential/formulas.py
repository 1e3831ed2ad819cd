"""Every feature and score by its formula, over raw events in pandas.

This shares nothing with the extension but the definitions in docs/features.md. `compute(events, now, names)` takes a frame with
the columns subscriber, type, at (UTC, to the microsecond), value, category, channel and campaign, and returns one with a row per
subscriber and a column per name; NaN is a missing number.
"""

import math

import numpy as np
import pandas as pd

# The definitions of created features and scores, by name.
CREATED = {}
STEPS = {"email_click": 0.10, "purchase": 0.20, "forward": 0.05, "reply": 0.15, "unsubscribe": -0.30, "complaint": -0.50}


def compute(events, now, names):
    return pd.DataFrame({name: Formulas(events, now).feature(name) for name in names})


class Formulas:
    def __init__(self, events, now):
        self.subscribers = pd.Index(sorted(events.subscriber.unique()), name="subscriber")
        self.now = now
        self.seen = events[events["at"] <= now]

    # What the formulas are made of.

    def within(self, days, older_than=0):
        """The events of the last so many days, by the minute up to 7 days, and else by the hour."""

        def inside(length):
            if length == 0:
                return pd.Series(False, index=self.seen.index)
            unit = "min" if length <= 7 else "h"
            return self.seen["at"].dt.floor(unit) > self.now.floor(unit) - pd.Timedelta(days=length)

        return self.seen[inside(days) & ~inside(older_than)]

    def per_subscriber(self, series, missing=0.0):
        return series.reindex(self.subscribers).astype(float).fillna(missing)

    def count(self, events, **conditions):
        for column, wanted in conditions.items():
            events = events[events[column] == wanted]
        return self.per_subscriber(events.groupby("subscriber").size())

    def sum(self, events):
        return self.per_subscriber(events.value.fillna(0.0).groupby(events.subscriber).sum())

    def rate(self, part, whole):
        return (part / whole.where(whole != 0)).fillna(0.0)

    def growth(self, events, days):
        now = self.count(events[events.index.isin(self.within(days).index)])
        before = self.count(events[events.index.isin(self.within(2 * days).index)]) - now
        return (now - before) / before.where(before != 0)

    def latest(self):
        last = self.seen.groupby("subscriber")["at"].transform("max")
        return self.seen[self.seen["at"] == last]

    def days_since(self, events):
        last = events.groupby("subscriber")["at"].max().reindex(self.subscribers)
        return np.floor((self.now - last) / pd.Timedelta(days=1))

    def most_frequent(self, shown, events):
        counts = pd.DataFrame({"subscriber": events.subscriber, "shown": shown}).value_counts().reset_index()
        counts = counts.sort_values(["subscriber", "count", "shown"], ascending=[True, False, True])
        return self.per_subscriber(counts.groupby("subscriber").shown.first(), math.nan)

    def flag(self, events):
        return (self.count(events) > 0).astype(float)

    # The features.

    def feature(self, name):
        if name in CREATED:
            return self.formula(CREATED[name]).round(9)
        if hasattr(self, name):
            return getattr(self, name)()
        head, _, tail = name.rpartition("_")
        if tail in ("7d", "30d", "90d"):
            return self.windowed(head, int(tail[:-1]))
        for prefix in sorted(FAMILIES, key=len, reverse=True):
            if name.startswith(prefix):
                return getattr(self, "of_" + prefix.rstrip("_"))(name[len(prefix):])
        raise KeyError(name)

    def windowed(self, head, days):
        events = self.within(days)
        total = self.count(events)
        rates = {"open_rate": "email_open", "click_rate": "email_click", "conversion_rate": "purchase"}
        mails = {"opens": "email_open", "clicks": "email_click", "unsubscribes": "unsubscribe"}
        if head in rates:
            return self.rate(self.count(events, type=rates[head]), total)
        if head == "bounces_per_sent":
            return self.rate(self.count(events, type="bounce"), self.count(events, type="sent"))
        if head.endswith("_per_delivered"):
            return self.rate(self.count(events, type=mails[head.split("_")[0]]), self.count(events, type="delivered"))
        return {"total_events": total, "total_value": self.sum(events), "avg_value": self.rate(self.sum(events), total)}[head]

    # Definitions.

    def formula(self, spec):
        if isinstance(spec, (int, float)):
            return pd.Series(float(spec), index=self.subscribers)
        if isinstance(spec, str):
            # A feature with a name is rounded, also where another is computed from it.
            return self.feature(spec).round(9)
        if "event" in spec:
            return self.chosen(spec)
        if "divide" in spec:
            return self.rate(*(self.formula(part).fillna(0.0) for part in spec["divide"]))
        if "multiply" in spec:
            return math.prod(self.formula(part) for part in spec["multiply"])
        groups = {}
        for term in spec["terms"]:
            group = groups.setdefault(term.get("group"), [])
            group.append(self.term(term))
        total = 0.0
        for name, parts in groups.items():
            least, most = spec["groups"][name] if name is not None else (-math.inf, math.inf)
            total = total + sum(parts).clip(least, most)
        return total.clip(*spec.get("clamp", (-math.inf, math.inf)))

    def term(self, term):
        if "when" in term:
            return (self.chosen(term["when"]) > 0).astype(float) * term.get("points", 1)
        number = self.formula(term["of"]).fillna(0.0) * term.get("scale", 1) + term.get("offset", 0)
        return number.clip(term.get("floor", -math.inf), term.get("cap", math.inf)) * term.get("weight", 1)

    def chosen(self, spec):
        days = int(spec["within"].split()[0]) if "within" in spec else None
        events = self.seen if days is None else self.within(days)
        if spec["event"] != "*":
            events = events[events.type == spec["event"]]
        for column, test in spec.get("where", {}).items():
            events = events[events[column] == test["equals"]]
        if "half_life" not in spec:
            return self.sum(events) if "sum" in spec else self.count(events)
        half_life = pd.Timedelta(spec["half_life"])
        age = self.now.floor("h") - events["at"].dt.floor("h")
        longest = max(30 * half_life, pd.Timedelta(days=30))
        events = events[age < longest]
        if "cap" in spec:
            events = events.sort_values("at", kind="stable")
            period = events["at"].dt.floor("h" if spec["cap"]["per"] == "1 hour" else "D")
            # A bounded period goes as a whole.
            whole = self.now.floor("h") - period < longest
            events, period = events[whole], period[whole]
            events = events[events.groupby(["subscriber", period]).cumcount() < spec["cap"]["most"]]
        weight = events.value.fillna(0.0) if "sum" in spec else 1.0
        return self.per_subscriber((weight * 0.5 ** (age.loc[events.index] / half_life)).groupby(events.subscriber).sum())

    def engagement_consistency(self):
        events = self.within(90)
        daily = events.groupby(["subscriber", events["at"].dt.floor("h").dt.floor("D")]).size().groupby("subscriber")
        return self.per_subscriber(daily.std(ddof=0) / daily.mean())

    def engagement_score(self):
        score = (0.30 * (self.feature("total_events_7d") / 10).clip(upper=1) + 0.20 * self.feature("open_rate_30d")
                 + 0.25 * 5 * self.feature("click_rate_30d") + 0.15 * 10 * self.feature("conversion_rate_90d")
                 + 0.10 * (1 - self.engagement_consistency()).clip(lower=0))
        # A feature with a name is rounded, also where another is computed from it.
        return score.clip(0, 1).round(9)

    def lifetime_value(self):
        return self.sum(self.seen[self.seen.type == "purchase"])

    def days_since_last(self):
        return self.days_since(self.seen).fillna(999)

    def last_activity_days(self):
        return self.days_since(self.seen)

    def peak_hour(self):
        return self.most_frequent(self.within(90)["at"].dt.hour, self.within(90))

    def peak_weekday(self):
        return self.most_frequent(self.within(90)["at"].dt.dayofweek + 1, self.within(90))

    def weekend_share(self):
        events = self.within(90)
        return self.rate(self.count(events[events["at"].dt.dayofweek >= 5]), self.count(events))

    def latest_hour(self):
        return self.per_subscriber(self.latest().groupby("subscriber")["at"].first().dt.hour, math.nan)

    def latest_weekday(self):
        return self.per_subscriber(self.latest().groupby("subscriber")["at"].first().dt.dayofweek + 1, math.nan)

    def latest_weekend(self):
        return self.flag(self.latest()[lambda events: events["at"].dt.dayofweek >= 5])

    def latest_value(self):
        return self.sum(self.latest()).where(self.count(self.seen) > 0)

    def engagement_velocity(self):
        return self.growth(self.seen, 7)

    def purchase_velocity(self):
        return self.growth(self.seen[self.seen.type == "purchase"], 30)

    def engagement_streak(self):
        today = self.now.floor("D")

        def streak(days):
            days = set(days)
            day = today if today in days else today - pd.Timedelta(days=1)
            length = 0
            while day in days:
                length, day = length + 1, day - pd.Timedelta(days=1)
            return min(length, 365)

        return self.per_subscriber(self.seen["at"].dt.floor("D").groupby(self.seen.subscriber).agg(streak))

    def avg_order_value(self):
        return self.rate(self.monetary(), self.frequency())

    def purchase_frequency(self):
        return self.count(self.within(90), type="purchase") / 90

    def recency(self):
        return self.days_since(self.seen[self.seen.type == "purchase"])

    def frequency(self):
        return self.count(self.seen, type="purchase")

    def monetary(self):
        return self.lifetime_value()

    def inter_purchase_days(self):
        bought = self.seen[self.seen.type == "purchase"].groupby("subscriber")["at"]
        gaps = (bought.size() - 1).where(lambda gaps: gaps > 0)
        return self.per_subscriber((bought.max() - bought.min()) / pd.Timedelta(days=1) / gaps, math.nan).round(9)

    def next_purchase_days(self):
        between = self.inter_purchase_days()
        return (between - self.recency()).where(between != 0, between)

    def order_value_shift(self):
        def per_purchase(events):
            events = events[events.type == "purchase"]
            return self.rate(self.sum(events), self.count(events))

        return self.rate(per_purchase(self.within(30)), per_purchase(self.within(90, older_than=30)))

    def predicted_value(self):
        return self.feature("total_value_90d") * (1 + 2 * self.engagement_score())

    def points(self, weights):
        total = sum(weight * self.count(self.seen, type=kind) for kind, weight in weights.items())
        return total.clip(0, 1)

    def email_engagement(self):
        return self.points({"email_open": 0.1, "email_click": 0.2})

    def purchase_propensity(self):
        return self.points({"purchase": 0.15})

    def website_activity(self):
        return self.points({"website_visit": 0.05, "product_view": 0.1, "cart_add": 0.15})

    def content_affinity(self):
        return self.points({"download": 0.1, "form_submit": 0.15})

    def social_engagement(self):
        return self.points({"social_share": 0.2})

    def behavior_engagement_score(self):
        return (self.email_engagement() + self.website_activity() + self.social_engagement()) / 3

    def fading_engagement(self):
        def faded(events):
            age = (self.now.floor("h") - events["at"].dt.floor("h")) / pd.Timedelta(days=30)
            return self.per_subscriber((0.5 ** age).groupby(events.subscriber).sum())

        opens = self.seen[self.seen.type == "email_open"].sort_values("at")
        capped = opens[opens.groupby(["subscriber", opens["at"].dt.floor("D")]).cumcount() < 3]
        clicks, purchases = (self.seen[self.seen.type == kind] for kind in ("email_click", "purchase"))
        return faded(capped) + 2 * faded(clicks) + 5 * faded(purchases)

    # Those of which there is one for each text.

    def of_freq(self, kind):
        return self.rate(self.count(self.within(90), type=kind), self.count(self.within(90)))

    def of_pref(self, category):
        return self.rate(self.count(self.within(90), category=category), self.count(self.within(90)))

    def of_category_shift(self, category):
        now, before = self.within(30), self.within(90, older_than=30)
        return (self.rate(self.count(now, category=category), self.count(now))
                - self.rate(self.count(before, category=category), self.count(before)))

    def of_content_preference(self, category):
        touches = self.seen[self.seen.type.isin(list(STEPS)) & self.seen.category.notna()].copy()
        touches["own"] = touches.category == category
        touches["step"] = touches.type.map(STEPS)
        touches = touches.sort_values(["at", "own", "step"])

        def walk(events):
            value = None
            for own, step in zip(events.own, events.step):
                if own:
                    value = min(1.0, max(0.0, (0.5 if value is None else value) + 0.3 * step))
                elif value is not None:
                    value *= 0.99
            return 0.5 if value is None else value

        walked = {subscriber: walk(events) for subscriber, events in touches.groupby("subscriber")}
        return self.per_subscriber(pd.Series(walked, dtype=float), 0.5)

    def of_latest_is(self, kind):
        return self.flag(self.latest()[lambda events: events.type == kind])

    def of_latest_category_is(self, category):
        return self.flag(self.latest()[lambda events: events.category == category])

    def of_weekday_share(self, weekday):
        year = self.within(365)
        return self.rate(self.count(year[year["at"].dt.dayofweek + 1 == int(weekday)]), self.count(year))

    def of_month_share(self, month):
        return self.rate(self.count(self.seen[self.seen["at"].dt.month == int(month)]), self.count(self.seen))

    def of_channel_share(self, channel):
        return self.rate(self.of_channel_events(channel), self.count(self.within(90)))

    def of_channel_events(self, channel):
        return self.count(self.within(90), channel=channel)

    def of_channel_value(self, channel):
        return self.sum(self.within(90)[lambda events: events.channel == channel])

    def channel_rate(self, channel, kind, whole):
        return self.rate(self.count(self.within(90), channel=channel, type=kind), whole)

    def of_channel_open_rate(self, channel):
        return self.channel_rate(channel, "email_open", self.count(self.within(90), channel=channel, type="delivered"))

    def of_channel_click_rate(self, channel):
        return self.channel_rate(channel, "email_click", self.count(self.within(90), channel=channel, type="delivered"))

    def of_channel_conversion_rate(self, channel):
        return self.channel_rate(channel, "purchase", self.of_channel_events(channel))

    def of_prefers_channel(self, channel):
        events = self.within(90)
        counts = events.groupby(["subscriber", "channel"]).size()
        most = self.per_subscriber(counts.groupby("subscriber").max())
        own = self.count(events, channel=channel)
        return ((own > 0) & (own == most)).astype(float)

    def of_campaign_sends(self, campaign):
        return self.count(self.seen, campaign=campaign, type="sent")

    def campaign_rate(self, campaign, **weights):
        done = sum(weight * self.count(self.seen, campaign=campaign, type=kind) for kind, weight in weights.items())
        return self.rate(done, self.of_campaign_sends(campaign))

    def of_campaign_open_rate(self, campaign):
        return self.campaign_rate(campaign, email_open=1)

    def of_campaign_click_rate(self, campaign):
        return self.campaign_rate(campaign, email_click=1)

    def of_campaign_conversion_rate(self, campaign):
        return self.campaign_rate(campaign, purchase=1)

    def of_campaign_score(self, campaign):
        return self.campaign_rate(campaign, email_open=1, email_click=2, purchase=5)

    def of_campaign_average_value(self, campaign):
        bought = self.seen[(self.seen.campaign == campaign) & (self.seen.type == "purchase")]
        return self.rate(self.sum(bought), self.count(bought))


FAMILIES = [name[3:] + "_" for name in dir(Formulas) if name.startswith("of_")]
