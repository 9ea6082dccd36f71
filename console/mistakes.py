"""What was typed and can't be taken: said beside its field, on the same form with everything that was typed."""


class Mistake(Exception):
    """`name` = the field's, `key` = its text's, `values` = the text's."""

    def __init__(self, name: str, key: str, **values: str) -> None:
        super().__init__(key)
        self.name, self.key, self.values = name, key, values
