import pandas as pd

if __name__ == "__main__":
    pd.DataFrame({"label": [0], "prediction": [0]}).to_csv("build/predictions.csv", index=False)
