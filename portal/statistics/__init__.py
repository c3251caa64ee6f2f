"""Auswertung: a month at the charging bays in figures, charts with tables beside them, downloads. Nobody is ranked."""
