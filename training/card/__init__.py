"""The model card: what a risk officer reads about a model, as a page of its own and as Markdown."""

from training.card.card import Card
from training.card.pages import write_card

__all__ = ["Card", "write_card"]
