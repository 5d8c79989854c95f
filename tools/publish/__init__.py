"""What readers see and is made from the code: listings, notebooks, slides, pictures."""
