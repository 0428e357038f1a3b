"""An item as it travels -> an item as the index keeps it."""

import index
from streams.items import Item


def as_indexed(item: Item) -> index.Item:
    """A wire record as the index keeps it."""
    return index.Item(
        item_id=item.item_id,
        title=item.title,
        description=item.description,
        category=item.category,
        brand=item.brand,
        price=item.price,
        tags=item.tags or (),
        in_stock=item.in_stock is not False,
    )
