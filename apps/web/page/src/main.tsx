import { render } from 'preact';
/* oxlint-disable import/no-unassigned-import -- styles have no names */
import './style/base.css';
import './style/frame.css';
import './style/parts.css';
/* oxlint-enable import/no-unassigned-import */
import { App } from './app.tsx';

render(<App />, document.body);
