/** Loads ECharts with only the modules in use, as one lazy chunk. */
import { BarChart, LineChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

use([BarChart, LineChart, AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);

/**
 * ECharts empties its element with `innerHTML = ''`, which the content security policy blocks without a trusted types
 * policy. Only the empty string is allowed; tooltips are drawn on the canvas.
 */
type TrustedTypes = { createPolicy(name: 'default', rules: { createHTML: (html: string) => string | null }): unknown };
const { trustedTypes } = window as { trustedTypes?: TrustedTypes };
trustedTypes?.createPolicy('default', { createHTML: (html) => (html === '' ? '' : null) });

export { init, use };
