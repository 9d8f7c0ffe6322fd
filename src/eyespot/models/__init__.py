"""The model file, the models that it becomes, and predicting with them."""
