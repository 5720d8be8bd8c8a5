// A chart beside a table, drawn from the table: the first cell of a row is its name, each column with data-series a series.

for (const place of document.querySelectorAll('[data-chart]')) {
  const table = document.getElementById(place.dataset.of);
  const heads = [...table.querySelectorAll('thead th')];
  const columns = heads.map((head, index) => ({ head, index })).filter(({ head }) => head.dataset.series !== undefined);
  const rows = [...table.querySelectorAll('tbody tr')].filter((row) => row.cells.length > 1);
  if (!rows.length) {
    place.hidden = true;
    continue;
  }
  const chart = echarts.init(place, null, { renderer: 'canvas' });
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  chart.setOption({
    animation: !still,
    color: ['#1f5f48', '#c77d1e', '#5a6f8f', '#8a4b6b'],
    aria: { enabled: true, decal: { show: true } },
    grid: { left: 12, right: 24, top: 48, bottom: 12, containLabel: true },
    legend: { top: 8 },
    tooltip: { trigger: 'axis', renderMode: 'richText' },
    xAxis: { type: 'category', data: rows.map((row) => row.cells[0].textContent.trim()), axisLabel: { hideOverlap: true } },
    yAxis: { type: 'value', name: place.dataset.unit },
    series: columns.map(({ head, index }) => ({
      name: head.dataset.series,
      type: place.dataset.chart,
      barMaxWidth: 42,
      data: rows.map((row) => Number(row.cells[index].dataset.value ?? 'NaN')),
    })),
  });
  addEventListener('resize', () => chart.resize());
}
