"""The race: Misstep beside what people use today, each in an environment of its own."""
