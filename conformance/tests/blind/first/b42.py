import numpy as np


class LogisticRegression:
    def __init__(self, w, b):
        self.w = w  # (dim, 1)
        self.b = b  # scalar

    def propagate(self, X, Y):
        m = X.shape[1]
        A = 1 / (1 + np.exp(-(np.dot(self.w.T, X) + self.b)))
        A = np.clip(A, 1e-15, 1 - 1e-15)
        cost = -1 / m * np.sum(np.dot(np.log(A), Y.T) + np.dot(np.log(1 - A), (1 - Y).T))
        dw = 1 / m * np.dot(X, (A - Y).T)
        db = 1 / m * np.sum(A - Y)
        return {"dw": dw, "db": db}, cost

    def optimize(self, X, Y, num_iterations, learning_rate):
        costs = []
        for i in range(num_iterations):
            grads, cost = self.propagate(X, Y)
            self.w = self.w - learning_rate * grads["dw"]
            self.b = self.b - learning_rate * grads["db"]
            if i % 100 == 0:
                costs.append(cost)
        return costs


NETWORK = {'inputs': 5,
 'layers': [{'units': 1, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    model = LogisticRegression(params["W1"].copy(), float(params["b1"][0]))
    grads, cost = model.propagate(x.T, t.T)
    return {"loss": float(cost), "gradients": {"W1": grads["dw"], "b1": np.array([grads["db"]])}}
