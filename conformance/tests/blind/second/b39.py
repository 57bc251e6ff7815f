import numpy as np


class neuralNetwork:
    def __init__(self, inputnodes, hiddennodes, outputnodes):
        self.wih = np.random.normal(0.0, pow(inputnodes, -0.5), (inputnodes, hiddennodes))
        self.who = np.random.normal(0.0, pow(hiddennodes, -0.5), (hiddennodes, outputnodes))
        self.bh = np.zeros(hiddennodes)
        self.bo = np.zeros(outputnodes)
        self.activation_function = lambda x: 1 / (1 + np.exp(-x))

    def query(self, inputs):
        hidden_outputs = self.activation_function(np.dot(inputs, self.wih) + self.bh)
        final_outputs = self.activation_function(np.dot(hidden_outputs, self.who) + self.bo)
        return hidden_outputs, final_outputs

    def gradients(self, inputs, targets):
        hidden_outputs, final_outputs = self.query(inputs)
        output_errors = targets
        output_errors -= final_outputs
        loss = 0.5 * np.sum(output_errors ** 2) / len(inputs)
        grad_out = -output_errors * final_outputs * (1.0 - final_outputs) / len(inputs)
        hidden_errors = np.dot(grad_out, self.who.T)
        grad_hid = hidden_errors * hidden_outputs * (1.0 - hidden_outputs)
        self.dwho = np.dot(hidden_outputs.T, grad_out)
        self.dbo = grad_out.sum(axis=0)
        self.dwih = np.dot(inputs.T, grad_hid)
        self.dbh = grad_hid.sum(axis=0)
        return loss


NETWORK = {'inputs': 3,
 'layers': [{'units': 5, 'activation': 'sigmoid'}, {'units': 2, 'activation': 'sigmoid'}],
 'loss': 'squared_error',
 'loss_formula': '0.5*sum((y-t)**2)/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    n = neuralNetwork(x.shape[1], params["W1"].shape[1], t.shape[1])
    n.wih, n.bh, n.who, n.bo = [params[k].copy() for k in ("W1", "b1", "W2", "b2")]
    loss = n.gradients(x, t)
    return {"loss": float(loss), "gradients": {"W1": n.dwih, "b1": n.dbh, "W2": n.dwho, "b2": n.dbo}}
