"""The model card: what a risk officer reads about a model, as a page of its own and as Markdown."""

from training.card.card_files import write_card
from training.card.make_card import Card

__all__ = ["Card", "write_card"]
