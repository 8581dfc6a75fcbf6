/** The one place that loads ECharts: only the modules the dashboard draws with, as one lazily loaded chunk. */
import { BarChart, LineChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

use([BarChart, LineChart, AriaComponent, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

/**
 * ECharts empties its element with `innerHTML = ''`, which the page's policy stops unless a policy of trusted types
 * allows it. Nothing but the empty string is allowed; tooltips are drawn on the canvas.
 */
type TrustedTypes = { createPolicy(name: 'default', rules: { createHTML: (html: string) => string | null }): unknown };
const { trustedTypes } = window as { trustedTypes?: TrustedTypes };
trustedTypes?.createPolicy('default', { createHTML: (html) => (html === '' ? '' : null) });

export { init };
