import { compilePagination, type FirstRequest, type Plan } from '@fetchfleet/crawl';

/** What a fetch sends first: of a counter, the first page has its first number. */
export function compileFirstPage(plan: Plan): (plain: FirstRequest) => FirstRequest {
  const pagination = plan.paginate && compilePagination(plan.paginate, plan);
  return (plain) => {
    const page = pagination?.request(plain, undefined) ?? plain;
    return 'failure' in page ? plain : page;
  };
}
