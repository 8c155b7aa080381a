import { useEffect, useState } from 'preact/hooks';
import type { FleetDocument } from '../../src/api/documents.ts';
import { givenFleet, isLoggedOut } from './api/client.ts';
import { useRead } from './api/use-read.ts';
import { Frame } from './frame.tsx';
import { Notices } from './part/notice.tsx';
import { route } from './route/route.ts';
import { Batch } from './view/batch.tsx';
import { Batches } from './view/batches.tsx';
import { Login } from './view/login.tsx';
import { NewBatch } from './view/new-batch.tsx';
import { Origins } from './view/origins.tsx';
import { Overview } from './view/overview.tsx';
import { Records } from './view/records.tsx';
import { Schedules } from './view/schedules.tsx';
import { Workers } from './view/workers.tsx';

/** The page: who may see it, its frame, and the view that the address names. */
export function App() {
  const [given] = useState(givenFleet);
  const isAsked = given === undefined && !isLoggedOut.value;
  const reading = useRead<FleetDocument>(isAsked ? 'fleet' : undefined);
  const fleet = given ?? reading.value;
  const { path } = route.value;
  useEffect(() => {
    document.title = [...path.toReversed(), 'fetchfleet'].join(' · ');
  }, [path]);
  if (isLoggedOut.value) {
    return <Login />;
  }
  if (fleet === undefined) {
    return reading.error === undefined ? null : (
      <main class="alone">
        <p role="alert">{reading.error.message}</p>
        <button type="button" onClick={reading.again}>
          Try again
        </button>
      </main>
    );
  }
  return (
    <>
      <Frame fleet={fleet}>
        <View fleet={fleet} path={path} />
      </Frame>
      <Notices />
    </>
  );
}

interface ViewProps {
  readonly fleet: FleetDocument;
  readonly path: readonly string[];
}

function View({ fleet, path: [view = '', id, part] }: ViewProps) {
  const canChange = !fleet.readOnly;
  switch (view) {
    case '':
      return <Overview canChange={canChange} />;
    case 'batches':
      if (id === undefined) {
        return <Batches />;
      }
      return part === 'records' ? (
        <Records key={id} batch={id} fleet={fleet} />
      ) : (
        <Batch key={id} id={id} fleet={fleet} />
      );
    case 'records':
      return <Batches leadsTo="records" />;
    case 'origins':
      return <Origins canChange={canChange} />;
    case 'workers':
      return <Workers canChange={canChange} />;
    case 'schedules':
      return <Schedules canChange={canChange} />;
    case 'new':
      return <NewBatch canChange={canChange} />;
    default:
      return (
        <>
          <h1>There is no view “{view}”</h1>
          <p>
            <a href="#/">Overview</a>
          </p>
        </>
      );
  }
}
