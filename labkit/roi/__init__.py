"""What each way of answering is worth and what it costs: net benefit, break-even, decision map, report."""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.roi.arms import Arm, data_version, load_results, measured_arm
from labkit.roi.model import Assumptions, break_even, cost_of_pass, costs, load_prices, net_benefit, PEOPLE, Prices
from labkit.roi.report import decision_report, plot_curves, plot_map, plot_tornado
from labkit.roi.tables import changed, decision_map, figures, horizon_curves, summary, tornado, verdict
