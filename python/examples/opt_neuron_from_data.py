"""A rate neuron fitted to two current steps: the first of CompNeuroPy's examples, with other imports."""

import numpy as np

from spikesmith.compneuro import CompNeuroExp, CompNeuroSim, Neuron, OptNeuron, ReqPopHasAttr, Results, current_step, dt, rmse

# r is 2 before each step and 6 or 10 during it, so a = 0.8 and b = 2
time_step, recording_period = 1.0, 10.0
experimental_data = [np.repeat([2.0, level], 50) for level in (6.0, 10.0)]

my_neuron = Neuron(
    parameters="""
        I_app = 0
        a = 0
        b = 0
    """,
    equations="""
        r = a*I_app + b
    """,
)


class TwoSteps(CompNeuroExp):
    def run(self, population_name: str) -> Results:
        step = CompNeuroSim(
            simulation_function=current_step,
            simulation_kwargs={"pop": population_name, "t1": 500, "t2": 500, "a1": 0, "a2": 5},
            requirements=[{"req": ReqPopHasAttr, "pop": population_name, "attr": "I_app"}],
            monitor_object=self.monitors,
        )
        self.monitors.start()
        step.run()
        self.reset()
        step.run({"a2": 10})
        self.data["sim"] = step.simulation_info()
        self.data["population_name"] = population_name
        self.data["time_step"] = dt()
        return self.results()


def get_loss(results_ist: Results, results_soll: list[np.ndarray]) -> list[float]:
    name = results_ist.data["population_name"] + ";r"
    return [rmse(chunk[name][:, 0], soll) for chunk, soll in zip(results_ist.recordings, results_soll)]


opt = OptNeuron(
    experiment=TwoSteps,
    get_loss_function=get_loss,
    variables_bounds={"a": [-50, 100], "b": [-50, 150]},
    neuron_model=my_neuron,
    results_soll=experimental_data,
    time_step=time_step,
    recording_period=recording_period,
    method="deap",
    record=["r"],
)
fit = opt.run(max_evals=100, results_file_name=None)
print(f"a = {fit['a']:.9f}, b = {fit['b']:.9f}, loss {fit['loss']:.2g}")
