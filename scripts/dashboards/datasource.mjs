/** The Prometheus that is selected at the top of a dashboard. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
