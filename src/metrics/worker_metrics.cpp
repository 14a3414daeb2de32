// SPDX-License-Identifier: Apache-2.0
#include "metrics/worker_metrics.hpp"

namespace sluice::metrics {

WorkerMetrics::WorkerMetrics(const Layout& layout)
    : layout_(layout), process_(make_cells(layout.process_cells)) {}

}  // namespace sluice::metrics
