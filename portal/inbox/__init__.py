"""The Posteingang: open cases at charging bays, what is done about them, and the evidence of each."""
