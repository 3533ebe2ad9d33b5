"""The doors of this wing by name: the model formats that are read, in the order in which they are tried.

A format is a module with `recognises(path)` and `violations(path)`: what in those files could run code when loaded.
"""

FORMATS: dict[str, str] = {"mlflow-pt2": "ml_cicd.registry.formats.mlflow_pt2"}

# Which kinds of model can be registered: MLflow's name of the flavor, and the call that saves one as it is read here.
REGISTRABLE: dict[str, str] = {"pytorch": "mlflow.pytorch.save_model"}
