"""From deliveries to judged rows: landing zone, archive, sources, quarantine, personal data, and what came late."""
