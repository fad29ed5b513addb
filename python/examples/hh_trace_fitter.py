"""A Hodgkin-Huxley neuron is fitted to five recorded membrane potentials."""

from hodgkin_huxley import bounds, constants, currents, dt, model, voltages

from spikesmith import MSEMetric, NevergradOptimizer, TraceFitter

fitter = TraceFitter(
    model=model, input={"I": currents}, output={"v": voltages}, dt=dt, n_samples=100, method="exponential_euler",
    param_init={"v": "El"}, namespace=constants,
)  # fmt: skip
optimizer, metric = NevergradOptimizer("DE"), MSEMetric()
params, error = fitter.fit(optimizer=optimizer, metric=metric, n_rounds=40, callback=None, **bounds)
print(params, error)

traces = fitter.generate_traces()
table = fitter.results(format="dataframe", use_units=False)
