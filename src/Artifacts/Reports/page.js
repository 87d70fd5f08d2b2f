// Draws each chart of the page from the data beside it (script[data-chart]), in the colours of the reader's theme.
'use strict';
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const palettes = {
    light: {
      series: ['#2b68b0', '#d9772a', '#2f9468', '#a9447f', '#8b7a1e', '#5d5fc4', '#bf423d', '#3d8fa1'],
      ramp: ['#f1f5fa', '#bcd3ee', '#82aede', '#4580c3', '#1f5396', '#0b2c59'], gap: '#ffffff',
    },
    dark: {
      series: ['#6fa8ee', '#efa05f', '#5fc197', '#de82b6', '#c9b84f', '#9c9df0', '#ee8580', '#6fc3d4'],
      ramp: ['#202936', '#21436d', '#2c68a9', '#5794d8', '#9cc4f2', '#e7f1fd'], gap: '#1a202a',
    },
  };
  const number = new Intl.NumberFormat('en', { maximumSignificantDigits: 5 });
  const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 });
  const show = v => v === null || v === undefined || Number.isNaN(v) ? '–' : Math.abs(v) >= 1e5 ? compact.format(v) : number.format(v);
  const escape = echarts.format.encodeHTML;

  function look() {
    const css = getComputedStyle(document.documentElement);
    const value = name => css.getPropertyValue(name).trim();
    return { ink: value('--ink'), muted: value('--muted'), line: value('--line'), card: value('--card'), ...palettes[dark.matches ? 'dark' : 'light'] };
  }

  function frame(spec, theme, legend) {
    return {
      animation: false,
      color: theme.series,
      textStyle: { color: theme.ink, fontFamily: getComputedStyle(document.body).fontFamily },
      aria: { enabled: true },
      grid: { left: 12, right: 20, top: legend ? 44 : 18, bottom: 28, containLabel: true },
      legend: legend ? { type: 'scroll', top: 0, left: 0, icon: 'roundRect', itemWidth: 12, itemHeight: 12, textStyle: { color: theme.ink }, pageTextStyle: { color: theme.muted } } : undefined,
      tooltip: { backgroundColor: theme.card, borderColor: theme.line, textStyle: { color: theme.ink, fontSize: 13 }, confine: true },
    };
  }

  function axis(theme, name, more) {
    return {
      name, nameLocation: 'middle', nameTextStyle: { color: theme.muted }, nameGap: 30,
      axisLabel: { color: theme.muted, formatter: more.type === 'category' ? undefined : show },
      axisLine: { lineStyle: { color: theme.line } }, axisTick: { show: false },
      splitLine: { show: more.type !== 'category', lineStyle: { color: theme.line } }, ...more,
    };
  }

  // The y axis keeps its name above the plot, where it can be read without turning the head.
  const upright = (theme, name, more) => axis(theme, name, { nameLocation: 'end', nameGap: 12, nameTextStyle: { color: theme.muted, align: 'left' }, ...more });

  function lines(spec, theme) {
    const legend = spec.series.length > 1;
    const option = frame(spec, theme, legend);
    option.grid.top += 22;
    option.tooltip.trigger = 'axis';
    option.tooltip.valueFormatter = show;
    option.xAxis = axis(theme, spec.x, { type: 'value', min: 'dataMin', max: 'dataMax', splitLine: { show: false } });
    option.yAxis = upright(theme, spec.y, { type: spec.logarithmic ? 'log' : 'value', scale: true });
    option.dataZoom = [{ type: 'inside', zoomOnMouseWheel: 'ctrl' }];
    option.series = spec.series.map(s => ({ name: s.name, type: 'line', data: s.points, showSymbol: s.points.length < 40, symbolSize: 5, lineStyle: { width: 2 }, sampling: 'lttb' }));
    return option;
  }

  function scatter(spec, theme) {
    const option = frame(spec, theme, true);
    option.grid.top += 22;
    option.tooltip.formatter = p => `${escape(p.seriesName)}<br>${escape(spec.x)}: <b>${show(p.value[0])}</b><br>${escape(spec.y)}: <b>${show(p.value[1])}</b><br>${escape(p.value[2])}`;
    option.xAxis = axis(theme, spec.x, { type: 'value', scale: true, splitLine: { show: false } });
    option.yAxis = upright(theme, spec.y, { type: 'value', scale: true });
    option.dataZoom = [{ type: 'inside', zoomOnMouseWheel: 'ctrl' }];
    option.series = spec.groups.map(g => g.joined
      ? { name: g.name, type: 'line', step: 'end', data: g.points, symbol: 'circle', symbolSize: g.size, lineStyle: { width: 1.5 } }
      : { name: g.name, type: 'scatter', data: g.points, symbolSize: g.size, itemStyle: { opacity: g.size > 8 ? 1 : 0.6 } });
    return option;
  }

  function bars(spec, theme, width) {
    const legend = spec.series.length > 1;
    const option = frame(spec, theme, legend);
    option.grid.top += 22;
    option.tooltip.trigger = 'axis';
    option.tooltip.axisPointer = { type: 'shadow' };
    option.tooltip.valueFormatter = show;
    option.xAxis = axis(theme, spec.category, { type: 'category', data: spec.categories });
    if (spec.categories.length <= 12) {
      option.xAxis.axisLabel.interval = 0;
      option.xAxis.axisLabel.width = (width - 70) / spec.categories.length - 8;
      option.xAxis.axisLabel.overflow = 'break';
    }
    option.yAxis = upright(theme, spec.value, { type: 'value', boundaryGap: [0, '8%'] });
    const few = width / (spec.categories.length * spec.series.length) > 50 && !spec.stacked;
    option.series = spec.series.map(s => ({
      name: s.name, type: 'bar', data: s.values, stack: spec.stacked ? 'all' : undefined, barMaxWidth: 44,
      itemStyle: { borderRadius: spec.stacked ? 0 : [3, 3, 0, 0] },
      label: { show: few, position: 'top', color: theme.muted, fontSize: 12, formatter: p => show(Number(p.value.toPrecision(4))) },
    }));
    if (spec.reference !== null && option.series.length > 0)
      option.series[0].markLine = { silent: true, symbol: 'none', lineStyle: { color: theme.muted, type: 'dashed' }, label: { formatter: show(spec.reference), color: theme.muted }, data: [{ yAxis: spec.reference }] };
    return option;
  }

  function heat(spec, theme, width) {
    const option = frame(spec, theme, false);
    const cells = spec.values.flatMap((row, y) => row.map((v, x) => [x, y, v])).filter(c => c[2] !== null);
    const values = cells.map(c => c[2]);
    const low = spec.lowest ?? values.reduce((a, b) => Math.min(a, b), Infinity);
    const high = spec.highest ?? values.reduce((a, b) => Math.max(a, b), -Infinity);
    option.grid.top += 12;
    option.grid.bottom = 66;
    option.tooltip.formatter = p => `${escape(spec.y)} <b>${escape(spec.rows[p.value[1]])}</b>, ${escape(spec.x)} <b>${escape(spec.columns[p.value[0]])}</b><br>${escape(spec.value)}: <b>${show(p.value[2])}</b>`;
    option.xAxis = axis(theme, spec.x, { type: 'category', data: spec.columns, nameGap: 26 });
    option.yAxis = upright(theme, spec.y, { type: 'category', data: spec.rows, inverse: true, nameLocation: 'start' });
    option.visualMap = {
      min: low, max: high > low ? high : low + 1, calculable: false, orient: 'horizontal', left: 'center', bottom: 4, itemWidth: 12, itemHeight: 180,
      inRange: { color: theme.ramp }, textStyle: { color: theme.muted }, formatter: show, text: [`${show(high)}  ${spec.value}`, show(low)],
    };
    option.series = [{
      type: 'heatmap', data: cells, itemStyle: { borderColor: theme.gap, borderWidth: cells.length <= 2000 ? 1 : 0 },
      label: { show: cells.length <= 100 && width / spec.columns.length >= 44, formatter: p => show(Number(p.value[2].toPrecision(3))), fontSize: 11 },
      emphasis: { itemStyle: { borderColor: theme.ink, borderWidth: 1.5 } },
    }];
    return option;
  }

  const kinds = { lines, scatter, bars, heat };
  const charts = [...document.querySelectorAll('script[data-chart]')].map(script => {
    const spec = JSON.parse(script.textContent);
    const place = document.getElementById(script.dataset.chart);
    const chart = echarts.init(place, null, { renderer: 'canvas' });
    return { chart, spec, place };
  });
  const draw = () => {
    const theme = look();
    for (const { chart, spec, place } of charts) {
      chart.resize();
      chart.setOption(kinds[spec.kind](spec, theme, place.clientWidth), true);
    }
  };
  addEventListener('resize', draw);
  dark.addEventListener('change', draw);
  draw();
})();
