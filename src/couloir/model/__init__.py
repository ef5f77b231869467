"""A trained network with its preparation, predicting without JAX."""

from couloir.model.files import load_model, save_model
from couloir.model.predictor import Ensemble, Model, Predictor, from_network, scaled, softmax

__all__ = ["Ensemble", "Model", "Predictor", "from_network", "load_model", "save_model", "scaled", "softmax"]
