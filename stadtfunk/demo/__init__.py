"""A simulated city that speaks like a real one: Mainz with 22 gateways, 21 charging bays, 300 trees, 3,000 heat meters.

Weather drives soil and heat demand (`weather`, `soil`, `heat`), cars come and go (`parking`), devices send what their
makers' data sheets say (`trees`, `heat`, `bays`, `payloads`), radio and network lose, delay and repeat some of it
(`radio`, `sessions`, `outages`, `deliveries`), and a ChirpStack v4 publishes the rest (`uplinks`, `network_server`,
`gateway_events`). `city` puts one day together, `stream` puts the days in order, `history` and `live` are its two
outputs. Everything follows from `settings` and the time, so any process can go on where another one ended.
"""
