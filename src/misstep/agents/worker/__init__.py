"""One OS process that runs agents: reading, turns, and one transactional producer."""
