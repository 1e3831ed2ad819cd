-- Loads the purchases from standard input, and compares what the models say with what was published of them: Fader, Hardie and
-- Lee (2005) for the purchases, Fader and Hardie (2013) for the values. The published figures come from times and means rounded
-- to two decimal places; here they are exact, so the last digit of some may differ.
CREATE EXTENSION pg_segment;
CREATE TABLE purchase (customer text, day date, dollars numeric);
\copy purchase FROM pstdin CSV
CREATE TABLE expected (place integer GENERATED ALWAYS AS IDENTITY, name text, found boolean);

CREATE TABLE fit AS
SELECT * FROM segment.fit_customer_base('cdnow', 'purchase', 'customer', 'day', 'dollars', until => '1997-09-30');
INSERT INTO expected (name, found)
SELECT '2,357 customers, 946 of whom bought again', (customers, repeaters) = (2357, 946) FROM fit
UNION ALL SELECT 'BG/NBD: r 0.243, alpha 4.414, a 0.793, b 2.426', (round(r::numeric, 3), round(alpha::numeric, 3), round(a::numeric, 3), round(b::numeric, 3)) = (0.243, 4.414, 0.793, 2.426) FROM fit
UNION ALL SELECT 'BG/NBD: log-likelihood -9582.4', round(log_likelihood::numeric, 1) = -9582.4 FROM fit
UNION ALL SELECT 'gamma-gamma: p 6.25, q 3.74, gamma 15.44', abs(p - 6.25) < 0.005 AND abs(q - 3.74) < 0.005 AND abs(gamma - 15.44) < 0.01 FROM fit
UNION ALL SELECT 'gamma-gamma: log-likelihood -4055.9', round(spend_log_likelihood::numeric, 1) = -4055.9 FROM fit
UNION ALL SELECT 'number and value of purchases are hardly correlated: 0.11', round(spend_correlation::numeric, 2) = 0.11 FROM fit;

CREATE TABLE forecast AS SELECT * FROM segment.customer_base('cdnow', '39 weeks', '1997-09-30', discount => 0);
INSERT INTO expected (name, found)
SELECT '2,457 repeat purchases, the longest observed for 38.86 weeks', (sum(frequency), round(max(age)::numeric, 2)) = (2457, 38.86) FROM forecast
UNION ALL SELECT 'the customer with x 2, t_x 30.43, T 38.86: 1.226 purchases expected', (frequency, round(recency::numeric, 2), round(age::numeric, 2), round(expected_purchases::numeric, 3)) = (2, 30.43, 38.86, 1.226) FROM forecast WHERE subscriber = '00004'
UNION ALL SELECT 'and still a customer with probability 0.727', round(p_alive::numeric, 3) = 0.727 FROM forecast WHERE subscriber = '00004'
UNION ALL SELECT 'who has not bought again is worth the mean of 35.17 a purchase', round(min(expected_value)::numeric, 2) = 35.17 AND round(max(expected_value)::numeric, 2) = 35.17 FROM forecast WHERE frequency = 0
UNION ALL SELECT 'without a discount the value is that of the purchases', max(abs(lifetime_value - expected_purchases * expected_value)) < 1e-9 FROM forecast;

-- Judged by the 39 weeks after: 1,882 purchases came, where about 1,653 were expected.
INSERT INTO expected (name, found)
SELECT '1,882 purchases in the next 39 weeks, an eighth more than expected', actual = 1882 AND predicted BETWEEN 1650 AND 1657 AND round(bias::numeric, 3) = -0.121 FROM segment.evaluate_customer_base('cdnow', '39 weeks')
UNION ALL SELECT 'a smaller error per customer than everybody''s own rate', error < error_of_rate AND correlation > 0.6 FROM segment.evaluate_customer_base('cdnow', '39 weeks');

-- The same purchases as events of an attached source.
SELECT segment.attach_source('purchase', subscriber => 'customer', occurred_at => 'day', constant_type => 'purchase', value => 'dollars', time_zone => 'UTC');
INSERT INTO expected (name, found)
SELECT 'attached events give the same model', (e.r, e.alpha, e.a, e.b, e.p, e.q, e.gamma) = (f.r, f.alpha, f.a, f.b, f.p, f.q, f.gamma)
FROM segment.fit_customer_base('cdnow', until => '1997-09-30') e, fit f;
-- By the day instead of the week, alpha is seven times as large.
INSERT INTO expected (name, found)
SELECT 'the unit of time changes nothing but alpha', abs(e.alpha / f.alpha - 7) < 1e-5 AND abs(e.r / f.r - 1) < 1e-6 AND abs(e.b / f.b - 1) < 1e-5 AND abs(e.gamma / f.gamma - 1) < 1e-5
FROM segment.fit_customer_base('cdnow by day', unit => 'day', until => '1997-09-30') e, fit f;
SELECT * FROM segment.evaluate_customer_base('cdnow', '39 weeks');
