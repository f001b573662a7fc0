"""What the project measured itself and ships: tables, each with a card."""
