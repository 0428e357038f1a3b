"""What a text model learns: one task a file, each with its rows, loss, measures and answers."""
