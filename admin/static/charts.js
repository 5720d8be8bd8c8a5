// A chart beside a table, drawn from the table: the first cell of a row is its name, each column with data-series a series.

const COLOURS = ['#1f5f48', '#c77d1e', '#5a6f8f', '#8a4b6b'];

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
    color: COLOURS,
    aria: { enabled: true, decal: { show: true } },
    grid: { left: 12, right: 24, top: 40, bottom: 12, containLabel: true },
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
  // The small build of the library draws no legend.
  const legend = document.createElement('p');
  legend.className = 'legend';
  columns.forEach(({ head }, index) => {
    const entry = document.createElement('span');
    const swatch = entry.appendChild(document.createElement('i'));
    swatch.style.backgroundColor = COLOURS[index % COLOURS.length];
    entry.append(head.dataset.series);
    legend.append(entry);
  });
  place.after(legend);
  addEventListener('resize', () => chart.resize());
}
