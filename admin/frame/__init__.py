"""What all desks share: who may on what, forms, lists, tasks, the page around everything."""
