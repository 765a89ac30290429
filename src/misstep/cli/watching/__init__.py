"""What `misstep watch` is made of: rates in a moving window, the stream that feeds them, and where it begins."""
