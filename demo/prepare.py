"""Turns CDNOW_master.txt into what the demo loads: customers, the purchases before a day as CSV, and the later
ones as a script of small transactions, each at noon of its day."""

import csv
import itertools
import sys
import zipfile

REPLAY_FROM = "1998-04-01"

wheel, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    text = archive.read("lifetimes/datasets/CDNOW_master.txt").decode()

purchases = []
for line in text.splitlines()[1:]:
    customer, day, quantity, dollars = line.split()
    purchases.append((f"{day[:4]}-{day[4:6]}-{day[6:]}", int(customer), int(quantity), dollars))
purchases.sort(key=lambda purchase: purchase[0])

with open(f"{target}/customers.csv", "w", newline="") as file:
    csv.writer(file).writerows([customer] for customer in sorted({p[1] for p in purchases}))
with open(f"{target}/history.csv", "w", newline="") as file:
    csv.writer(file).writerows(p for p in purchases if p[0] < REPLAY_FROM)

with open(f"{target}/replay.sql", "w") as file:
    recent = [p for p in purchases if p[0] >= REPLAY_FROM]
    for month, in_month in itertools.groupby(recent, key=lambda p: p[0][:7]):
        file.write(f"\\echo '   replaying {month} ...'\n")
        for day, in_day in itertools.groupby(in_month, key=lambda p: p[0]):
            file.write(f"SET pg_segment.clock = '{day} 12:00';\n")
            for _, customer, quantity, dollars in in_day:
                file.write(f"INSERT INTO shop.orders (ordered_on, customer_id, quantity, total) "
                           f"VALUES ('{day}', {customer}, {quantity}, {dollars});\n")
