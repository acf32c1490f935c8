"""What only the domain knows of the tables of card_default: one module per table."""
