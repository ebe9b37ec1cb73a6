"""Studies at the point of interconnection that run scenarios.

`wattkeel.interconnection.capability` runs a site through sags, swells and steps of frequency at moments
spread over the cycle of its load, and says how long it stays connected and how soon its power is back.
`wattkeel.interconnection.suggest` says what would mend a rule that failed, and proves it by running it. Both
stand above simulation: they make scenarios, run them, and judge what came out.
"""
