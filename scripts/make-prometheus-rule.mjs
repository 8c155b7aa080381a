// `npm run rules`: makes deploy/kubernetes/prometheus-operator/rules.yaml of the rules in
// deploy/prometheus, because the operator wants them in a frame of its own. A test compares them.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FRAME = `# Made by \`npm run rules\` of deploy/prometheus/recording.yml and alerts.yml: change those.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: fetchfleet
  namespace: fetchfleet
spec:
  groups:
`;

const deploy = new URL('../deploy/', import.meta.url);
const groups = ['recording.yml', 'alerts.yml'].map((name) =>
  readFileSync(new URL(`prometheus/${name}`, deploy), 'utf8')
    .replace(/^[\s\S]*?\ngroups:\n/u, '')
    .replaceAll(/^(?=.)/gmu, '  '),
);
const file = new URL('kubernetes/prometheus-operator/rules.yaml', deploy);
writeFileSync(fileURLToPath(file), `${FRAME}${groups.join('\n')}`);
