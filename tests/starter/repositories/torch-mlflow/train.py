import mlflow
import mlflow.pytorch
import torch

OUT = "build/model"

if __name__ == "__main__":
    mlflow.pytorch.save_model(torch.nn.Linear(4, 2), OUT, input_example=torch.zeros(1, 4).numpy())
