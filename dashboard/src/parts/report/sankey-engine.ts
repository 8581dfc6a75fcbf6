/** The Sankey module of ECharts, a chunk of its own: one page needs it. */
import { SankeyChart } from 'echarts/charts';
import { init, use } from '../chart-engine';

use([SankeyChart]);
export { init };
